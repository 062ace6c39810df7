/** Why a session is over. */

import { text } from "./errors.ts";
import type { Ending } from "./types.ts";

/** From a problem or an event. */
export function endingOf(facts: Record<string, unknown>): Ending {
  return {
    code: text(facts.code) ?? "session_revoked",
    reason: text(facts.reason),
    device: text(facts.device),
    undoUntil: Date.parse(`${facts.undo_until}`) || null,
    limit: typeof facts.limit_seconds === "number" ? facts.limit_seconds : null,
  };
}
