/** "Still there?": said before the session ends, so that nobody is cut off unawares (WCAG 2.2.1). */

import type { ReactNode } from "react";
import { later } from "./later";
import { useSessionState } from "./session";

const Expiring = later("dialogs", "Expiring");

export function SessionExpiryWarning(): ReactNode {
  const { warning } = useSessionState();
  return warning && <Expiring warning={warning} />;
}
