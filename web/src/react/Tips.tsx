/** What to do about the list: first what it gives reason for, then what is always good. */

import { type ReactNode, useId } from "react";
import { useShared } from "./context";
import type { Group } from "./devices";
import { UNUSED_DAYS, Unused } from "./Unused";
import type { Devices } from "./useDevices";
import { useKeptFocus } from "./useKeptFocus";

const UNUSED = UNUSED_DAYS * 86_400_000;

interface TipsProps {
  list: Devices;
  passwordUrl: string;
  why: string;
}

export function Tips({ list, passwordUrl, why }: TipsProps): ReactNode {
  const { client, cx, say, t } = useShared();
  const id = useId();
  const last = (group: Group) => Math.max(...group.rows.map((row) => Date.parse(row.seen_at)));
  const unused = list.live.filter((group) => !group.current && client.now() - last(group) > UNUSED);
  const link = <a href={passwordUrl}>{t("tips.wrongLink")}</a>;
  return (
    <section className={cx("card")} aria-labelledby={id} ref={useKeptFocus()}>
      <h2 id={id} tabIndex={-1}>
        {t("tips.title")}
      </h2>
      {unused.length > 0 && <Unused {...{ unused, list, why }} />}
      <ul className={cx("tips")}>
        <li>{t("tips.review")}</li>
        <li>{t("tips.signOut")}</li>
        <li>{say("tips.wrong", { link })}</li>
      </ul>
      <p className={cx("fine")}>{t("details.place")}</p>
    </section>
  );
}
