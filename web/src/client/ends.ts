/** The ends of a session: when to warn of them, and when to ask whether one has come. */

import { type Core, INFINITE } from "./core.ts";
import { endingOf } from "./ending.ts";
import { set } from "./session.ts";
import type { Ending, SessionState } from "./types.ts";

const LEAST_WARNING = 20_000;

/** The nearest end of the session, and from when to warn of it. */
function nearest({ options }: Core, { idleEndsAt, endsAt, limits }: SessionState) {
  const idle = idleEndsAt ?? INFINITE;
  const last = endsAt ?? INFINITE;
  const isIdle = idle < last;
  const at = isIdle ? idle : last;
  const limit = isIdle ? limits?.idle_timeout : limits?.lifetime;
  const half = (limit ?? INFINITE) * 500; // people must be able to get out of a warning
  const from = at - Math.max(LEAST_WARNING, Math.min(options.warnBefore, half));
  return { kind: isIdle ? "idle" : "absolute", at, limit, from } as const;
}

/** The warning that is due in *next*: only for what the server has just said. */
export function warningOf(core: Core, next: SessionState): SessionState["warning"] {
  const { kind, at: endsAt, from } = nearest(core, next);
  const { warning } = core.state;
  if (from > core.clock.now()) return null;
  return warning?.endsAt === endsAt ? warning : { kind, endsAt };
}

/** ms until the server must be asked again, because an end comes near. */
export function due(core: Core): number {
  const { state, clock } = core;
  if (state.status !== "signedIn") return INFINITE;
  const { at, from } = nearest(core, state);
  return (state.warning ? at : from) - clock.now();
}

/** The end of the session if it has passed: for a 401 that does not say why. */
export function timeUp(core: Core): Ending | null {
  const { kind, at, limit } = nearest(core, core.state);
  if (at > core.clock.now()) return null;
  return endingOf({ code: "session_expired", reason: kind, limit_seconds: limit });
}

/** Another tab was told so; the server confirms it before we say that time is up. */
export function slid(core: Core, idleEndsAt: number | null, endsAt: number | null): void {
  const { state } = core;
  if (state.status !== "signedIn" || (idleEndsAt === state.idleEndsAt && endsAt === state.endsAt)) return;
  const ends = { idleEndsAt, endsAt };
  set(core, { ...ends, warning: state.warning && warningOf(core, { ...state, ...ends }) });
}
