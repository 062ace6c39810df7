/** Names the devices that were not used for long, and signs them all out. */

import type { ReactNode } from "react";
import { Confirm } from "./Confirm";
import { useShared } from "./context";
import { type Group, title } from "./devices";
import { codeOf } from "./errors";
import { useReauth } from "./reauth";
import type { Devices } from "./useDevices";

export function SignOutThese({
  groups,
  list,
  onClose,
}: {
  groups: Group[];
  list: Devices;
  onClose: () => void;
}): ReactNode {
  const { client, notify, t } = useShared();
  const reauth = useReauth();
  const count = groups.length;
  const act = async () => {
    const rows = groups.flatMap((group) => group.rows);
    const ended = await Promise.allSettled(rows.map((row) => reauth(() => client.revoke(row.id))));
    const failed = ended.flatMap((end) => (end.status === "rejected" ? [end.reason] : []));
    const serious = failed.filter((error) => codeOf(error) !== "not_found");
    await list.query.refetch();
    if (serious.length === rows.length) throw serious[0];
    const rest = list.remaining(groups.map((group) => group.key));
    const done = rest ? t("others.partly", { done: count - rest, count }) : t("tips.done", { count });
    notify({ kind: rest ? "error" : "success", text: done });
  };
  return (
    <Confirm title={t("tips.theseTitle")} yes={t("others.confirm", { count })} act={act} onClose={onClose}>
      <ul>
        {groups.map(({ key, row }) => (
          <li key={key}>
            <bdi>{title(row.device)}</bdi>
          </li>
        ))}
      </ul>
      <p>{t("others.again", { count })}</p>
    </Confirm>
  );
}
