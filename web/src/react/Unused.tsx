/** Devices that were not used for long, and the way out of all of them. */

import { type ReactNode, useState } from "react";
import { Button } from "./Button";
import { useShared } from "./context";
import type { Group } from "./devices";
import { later } from "./later";
import { useSessionState } from "./session";
import type { Devices } from "./useDevices";

const SignOutThese = later("dialogs", "SignOutThese");

export const UNUSED_DAYS = 30;

export function Unused({ unused, list, why }: { unused: Group[]; list: Devices; why: string }): ReactNode {
  const { cx, t } = useShared();
  const { online } = useSessionState();
  const [asked, ask] = useState<Group[]>();
  const count = unused.length;
  return (
    <div className={cx("notice", "warn")}>
      <p>{t("tips.unused", { count, days: t("time.days", { count: UNUSED_DAYS }) })}</p>
      <Button off={!online} why={why} onClick={() => ask(unused)}>
        {t("tips.these", { count })}
      </Button>
      {asked && <SignOutThese groups={asked} list={list} onClose={() => ask(undefined)} />}
    </div>
  );
}
