/** Acting as a user: why, and for how long at most. The user can see it, and everything is written down. */

import { type ReactNode, useState } from "react";
import type { User } from "../../client";
import { ActForm } from "../../react/ActForm";
import { useShared } from "../../react/context";
import { Dialog } from "../../react/Dialog";
import { useAdmin, useHref } from "../context";
import { useChange } from "../data";

const MINUTES = [5, 15, 30, 60];

export function ActAsDialog({ user, onClose }: { user: User; onClose: () => void }): ReactNode {
  const { cx, navigate } = useShared();
  const { boot } = useAdmin();
  const href = useHref();
  const change = useChange();
  const offered = MINUTES.filter((minutes) => minutes <= boot.act_for);
  const [reason, setReason] = useState("");
  const [minutes, setMinutes] = useState(String(offered[1] ?? boot.act_for));
  const act = async () => {
    await change("/impersonate", { user_id: user.id, reason: reason.trim(), minutes: Number(minutes) });
    navigate(href("/account/security"));
  };
  return (
    <Dialog title={`Act as ${user.name || user.email}?`} icon="shield" onClose={onClose}>
      <ActForm act={act} yes="Act as this user" tone="danger" onCancel={onClose}>
        <p>
          You will see and do what they can. They see it in their list of devices, and everything you do is
          written down under your name.
        </p>
        <label className={cx("field")}>
          Reason
          <input
            value={reason}
            required
            maxLength={255}
            autoComplete="off"
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </label>
        <label className={cx("field")}>
          For at most
          <select value={minutes} onChange={(event) => setMinutes(event.currentTarget.value)}>
            {(offered.length ? offered : [boot.act_for]).map((count) => (
              <option key={count} value={String(count)}>
                {count} minutes
              </option>
            ))}
          </select>
        </label>
      </ActForm>
    </Dialog>
  );
}
