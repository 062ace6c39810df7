/** What stands where a list will be: its shape, and a word for those who do not see it. */

import { type ReactNode, useEffect, useState } from "react";
import { useShared } from "./context";

const SLOW = 10_000;

export function Skeleton({ rows = 3 }: { rows?: number }): ReactNode {
  const { cx, t } = useShared();
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(setSlow, SLOW, true);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div aria-busy="true">
      <p role="status" className={cx(slow ? "fine" : "unseen")}>
        {t("sessions.loading")} {slow && t("sessions.slow")}
      </p>
      <ul className={cx("rows")} aria-hidden="true">
        {Array.from({ length: rows }, (_, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same
          <li key={i} className={cx("row", "skeleton")}>
            <i className={cx("icon")} />
            <span />
          </li>
        ))}
      </ul>
    </div>
  );
}
