/** "Sign out everywhere else?": says how many before, and how many after. */

import type { ReactNode } from "react";
import { Confirm } from "./Confirm";
import { useShared } from "./context";
import type { Devices } from "./useDevices";

interface SignOutOthersProps {
  /** The devices that were there when it was asked for. */
  keys: string[];
  list: Devices;
  onClose: () => void;
}

export function SignOutOthers({ keys, list, onClose }: SignOutOthersProps): ReactNode {
  const { notify, t } = useShared();
  const count = keys.length;
  const act = async () => {
    await list.query.revokeOthers();
    const rest = list.remaining(keys);
    const done = rest ? t("others.partly", { done: count - rest, count }) : t("others.done", { count });
    notify({ kind: rest ? "error" : "success", text: done });
  };
  return (
    <Confirm title={t("others.title")} yes={t("others.confirm", { count })} act={act} onClose={onClose}>
      <p>{t("others.text", { count })}</p>
      <p>{t("others.again", { count })}</p>
    </Confirm>
  );
}
