/** Second thoughts about a sign-out. */

import { type ReactNode, useEffect } from "react";
import { Button } from "./Button";
import { useNow } from "./clock";
import { type Hold, useShared } from "./context";
import { title } from "./devices";
import { all } from "./Failure";
import { Icon } from "./Icon";
import type { Devices } from "./useDevices";

/** How long a row says "Signed out" when that cannot be undone. */
const SHOWN = 5_000;

/** Second thoughts, as long as the server has them too. */
export function Undo({ holds, list }: { holds: Hold[]; list: Devices }): ReactNode {
  const { client, cx, t } = useShared();
  const until = Math.min(...holds.map((hold) => hold.until ?? 0));
  const pending = holds.some((hold) => hold.state === "ending");
  const { forget } = list.query;
  const final = !pending && holds.every((hold) => hold.state !== "undoing");
  const ids = holds.map((hold) => hold.row.id).join();
  useEffect(() => {
    if (!final) return;
    const rest = until ? until - client.now() : SHOWN;
    const timer = setTimeout(() => ids.split(",").forEach(forget), Math.max(0, rest));
    return () => clearTimeout(timer);
  }, [final, until, ids, forget, client]);
  if (!pending && !until) return null;
  return (
    <div className={cx("acts")}>
      <Button
        off={!final}
        label={t("row.undoOf", { device: title((holds[0] as Hold).row.device) })}
        onClick={() => all(holds, list.query.undo)}
      >
        <Icon name="undo" />
        {t("row.undo")}
      </Button>
      {until > 0 && <Countdown until={until} />}
    </div>
  );
}

function Countdown({ until }: { until: number }): ReactNode {
  const { cx, t } = useShared();
  const rest = until - (useNow(until, 1000) ?? until);
  return (
    <span aria-hidden="true" className={cx("count")}>
      {t("time.seconds", { count: Math.max(0, Math.ceil(rest / 1000)) })}
    </span>
  );
}
