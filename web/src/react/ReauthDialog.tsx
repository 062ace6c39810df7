/** "Confirm it is you": asked where the server wants to know, answered once for all who wait. */

import type { ReactNode } from "react";
import { useShared } from "./context";
import { later } from "./later";
import { useTurn } from "./Notices";
import { useStore } from "./store";

const Asking = later("dialogs", "Asking");

export function ReauthDialog({ fallback }: { fallback?: boolean }): ReactNode {
  const { question, askers } = useShared();
  const asked = useStore(question);
  const turn = useTurn(askers, fallback);
  return turn && asked ? <Asking question={asked} /> : null;
}
