/** That a sign-out failed. */

import type { ReactNode } from "react";
import type { SessionRow } from "../client/types";
import { Problem } from "./act";
import { Button } from "./Button";
import { type Hold, useShared } from "./context";
import { isOut } from "./devices";
import type { Devices } from "./useDevices";

export const all = (holds: Hold[], act: (row: SessionRow) => Promise<void>) =>
  Promise.all(holds.map((hold) => act(hold.row)));

/** Where it was asked for, not in a note that goes away. */
export function Failure({ holds, list }: { holds: Hold[]; list: Devices }): ReactNode {
  const { t } = useShared();
  const failed = holds.filter((hold) => hold.error);
  if (!failed.length) return null;
  return (
    <Problem error={failed[0]?.error}>
      {failed.some((hold) => !isOut(hold)) && (
        <Button onClick={() => all(failed, list.query.hold)}>{t("common.retry")}</Button>
      )}
    </Problem>
  );
}
