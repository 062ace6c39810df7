/** Asks before a device is signed out where that cannot be undone. */

import type { ReactNode } from "react";
import { Confirm, type ConfirmProps } from "./Confirm";
import { useShared } from "./context";

type AskSignOutProps = Pick<ConfirmProps, "act" | "onClose"> & { device: string };

export function AskSignOut({ device, ...props }: AskSignOutProps): ReactNode {
  const { t } = useShared();
  return (
    <Confirm title={t("row.ask", { device })} yes={t("row.signOut")} {...props}>
      <p>{t("row.askText")}</p>
    </Confirm>
  );
}
