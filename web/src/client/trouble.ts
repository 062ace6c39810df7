/** What follows from a 401 of ours: another send, a refresh, or the end of the session. */

import { type Core, post, soon } from "./core.ts";
import { endingOf } from "./ending.ts";
import { isOurs, type SessionError } from "./errors.ts";
import { mover } from "./mover.ts";
import { refresh } from "./refresh.ts";
import { left, set } from "./session.ts";
import type { Ending } from "./types.ts";

export { refresh };

/** Whether to send again what was refused so, after all that this takes. *more*: it may be sent once more. */
export async function again(
  core: Core,
  error: SessionError,
  before: string,
  epoch: number,
  more: boolean,
): Promise<boolean> {
  if (epoch !== core.epoch) return false;
  const superseded = error.code === "token_superseded";
  if (!superseded && error.code !== "access_expired")
    return (await judge(core, error, before, epoch)) && more;
  if (!more) return false;
  if (!(await soon(mover(core, before), superseded ? undefined : 0))) await refresh(core, before);
  return true;
}

/** A 401 of ours: true if the token moved meanwhile, else the session is over. */
export async function judge(
  core: Core,
  error: SessionError,
  before: string,
  epoch: number,
): Promise<boolean> {
  const { code, reason, facts } = error;
  const adopted = mover(core, before);
  const gone = code === "unauthenticated";
  if (!isOurs(error) || epoch !== core.epoch) return false;
  if (code === "access_expired" || code === "token_superseded") return adopted(); // these end nothing
  // Of these another tab may know more: it has just renewed the token, or was told why it ended.
  const vague = core.state.status === "signedIn" && (gone || code === "token_invalid");
  await soon(() => adopted() || !!core.announced || epoch !== core.epoch, vague ? undefined : 0);
  if (epoch !== core.epoch || core.leaving) return false;
  if (adopted()) return true;
  const { announced, state, live, memory } = core;
  if (state.status === "signedOut" || state.status === "expired") return false;
  const lost = memory.visible && memory.read() ? endingOf({ code }) : null; // a hint without its session
  const ending = announced ?? (gone ? (live?.timeUp() ?? lost) : endingOf({ ...facts, code }));
  if (gone && !announced && state.status === "unknown") set(core, { status: "signedOut" });
  else if (!ending || (!announced && reason === "signed_out")) left(core, false);
  else over(core, ending);
  return false;
}

/** The session is over, and everybody is told why. */
export function over(core: Core, ending: Ending): void {
  const { memory } = core;
  if (ending.code !== "session_revoked") memory.drop(); // one that was revoked may still be given back
  core.hint = memory.read() ?? core.hint;
  set(core, { status: "expired", ending, warning: null });
  core.emitter.emit("expired", ending);
  post(core, { is: "expired", ending });
}
