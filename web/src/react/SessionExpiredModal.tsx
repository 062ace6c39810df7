/** "Session expired": why it is over, and the way back in. Never for a network error. */

import type { ReactNode } from "react";
import { useShared } from "./context";
import { later } from "./later";
import { SignInLink } from "./SignInLink";
import { useSessionState } from "./session";

export interface SessionExpiredModalProps {
  /** The page keeps what was typed into it, and that is said. */
  keepsInput?: boolean;
}

const Expired = later("dialogs", "Expired", WithoutDialog);

export function SessionExpiredModal({ keepsInput }: SessionExpiredModalProps): ReactNode {
  const { status, ending } = useSessionState();
  return status === "expired" && ending ? <Expired {...{ ending, keepsInput }} /> : null;
}

/** The least that must be said, where the dialog cannot be fetched. */
function WithoutDialog(): ReactNode {
  const { cx, t } = useShared();
  return (
    <div className={cx("bar")} role="alert">
      {t("expired.bar")}
      <SignInLink>{t("expired.login")}</SignInLink>
    </div>
  );
}
