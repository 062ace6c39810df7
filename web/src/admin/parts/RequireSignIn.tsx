/** The user stays signed in, and has to prove who they are before anything that wants a fresh session. */

import type { ReactNode } from "react";
import type { User } from "../../client";
import { ActForm } from "../../react/ActForm";
import { useShared } from "../../react/context";
import { Dialog } from "../../react/Dialog";
import { useChange } from "../data";

export function RequireSignInDialog({ user, onClose }: { user: User; onClose: () => void }): ReactNode {
  const { notify } = useShared();
  const change = useChange();
  const act = async () => {
    await change(`/users/${encodeURIComponent(user.id)}/require-sign-in`, {});
    notify({ kind: "success", text: `${user.email} has to prove who they are.` });
  };
  return (
    <Dialog title="Require a new sign-in?" icon="lock" onClose={onClose}>
      <ActForm act={act} done={onClose} yes="Require new sign-in" tone="danger" onCancel={onClose}>
        <p>
          <bdi>{user.email}</bdi> stays signed in, and will have to prove who they are before anything
          sensitive, on every device.
        </p>
      </ActForm>
    </Dialog>
  );
}
