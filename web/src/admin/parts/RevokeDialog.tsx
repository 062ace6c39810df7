/** Asks why, and revokes: one session, those that were chosen, or all of a user. */

import { type ReactNode, useState } from "react";
import { ActForm } from "../../react/ActForm";
import { useShared } from "../../react/context";
import { Dialog } from "../../react/Dialog";
import { title } from "../../react/devices";
import { useChange } from "../data";
import type { AdminRow, Job } from "../wire";
import { counted } from "../words";
import { whoseIs } from "./Device";
import { asBody, isTyped, missing, ReasonFields, Typed, useTold } from "./Reason";

export interface RevokeDialogProps {
  /** Those that are to end … */
  rows: AdminRow[];
  /** … or, in their place, all of this user, whose name has to be typed. */
  user?: { id: string; name: string };
  onDone: (job: Job) => void;
  onClose: () => void;
}

export function RevokeDialog({ rows, user, onDone, onClose }: RevokeDialogProps): ReactNode {
  const change = useChange();
  const [told, tell] = useTold();
  const [typed, setTyped] = useState("");
  const act = async () => {
    const wrong = missing(told) ?? (user && !isTyped(typed, user.name) ? "Type the name of the user." : null);
    if (wrong) throw Object.assign(new Error(wrong), { code: "missing", message: wrong });
    onDone(await (user ? all(user.id) : these()));
  };
  /** Chosen by hand, also one's own: that was said. */
  const these = () =>
    change<Job>("/revoke", {
      ids: rows.map(({ id }) => id),
      ...asBody(told),
      dry_run: false,
      include_own: rows.some(({ current }) => current),
    });
  const all = async (userId: string) => {
    const counted = await change<Job>("/revoke", {
      where: { user_id: userId },
      ...asBody(told),
      dry_run: true,
    });
    const { id, expected } = counted;
    return expected ? change<Job>(`/revoke/${encodeURIComponent(id)}/start`, { expected }) : counted;
  };
  const [only] = rows;
  const one = !user && rows.length === 1 && only;
  return (
    <Dialog
      title={
        user
          ? `Revoke all sessions of ${user.name}?`
          : one
            ? "Revoke this session?"
            : `Revoke ${counted(rows.length, "session")}?`
      }
      icon="warning"
      onClose={onClose}
    >
      {one && (
        <p>
          <bdi>{whoseIs(one)}</bdi> on <bdi>{title(one.device)}</bdi>
        </p>
      )}
      <Own rows={rows} />
      <ActForm
        act={act}
        done={onClose}
        yes={
          one ? "Revoke session" : user ? "Revoke all sessions" : `Revoke ${counted(rows.length, "session")}`
        }
        tone="danger"
        onCancel={onClose}
      >
        <ReasonFields told={told} tell={tell} />
        {user && (
          <Typed wanted={user.name} typed={typed} onType={setTyped}>
            Type <b>{user.name}</b> to confirm
          </Typed>
        )}
      </ActForm>
    </Dialog>
  );
}

function Own({ rows }: { rows: AdminRow[] }): ReactNode {
  const { cx } = useShared();
  if (!rows.some(({ current }) => current)) return null;
  return (
    <p className={cx("notice", "warn")}>
      {rows.length === 1
        ? "This is the session you are using now."
        : "One of them is the session you are using now."}
    </p>
  );
}
