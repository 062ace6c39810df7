/** Who is signed in, and the way out: for a side bar or the head of a page. */

import type { ReactNode } from "react";
import { Problem, useAct } from "./act";
import { Button } from "./Button";
import { useShared } from "./context";
import { SignInLink } from "./SignInLink";
import { useSession } from "./session";

export function SessionStatus(): ReactNode {
  const { cx, say, t } = useShared();
  const { user, data, isPending, signOut } = useSession();
  const { busy, error, run } = useAct(signOut);
  if (isPending) return <div className={cx("status")} aria-busy="true" />;
  if (!data)
    return (
      <div className={cx("status")}>
        <SignInLink>{t("status.signIn")}</SignInLink>
      </div>
    );
  return (
    <div className={cx("status")}>
      {user && <span className={cx("who")}>{say("status.as", { email: user.email })}</span>}
      <Button off={busy} onClick={run}>
        {t("row.signOut")}
      </Button>
      <Problem error={error} />
    </div>
  );
}
