/** What is known of the session. */

import { type Core, post } from "./core.ts";
import { json } from "./request.ts";
import type { Current, Entered, SessionState } from "./types.ts";

const CHECK_LIMIT = 10_000;

export const EMPTY: SessionState = {
  status: "unknown",
  user: null,
  session: null,
  limits: null,
  ending: null,
  idleEndsAt: null,
  endsAt: null,
  warning: null,
  online: true,
};

export function set(core: Core, change: Partial<SessionState>): void {
  const { state, emitter } = core;
  core.state = { ...state, ...change };
  emitter.emit("state", core.state);
  if (core.state.warning !== state.warning) emitter.emit("warning", core.state.warning);
  core.live?.changed();
}

// ── it lives ─────────────────────────────────────────────────────────────────────────────────

/** The server says that the session is so. */
export function see(core: Core, { user, session, limits, server_now }: Current): void {
  const told = Date.parse(server_now);
  if (told < core.seenAt) return;
  core.seenAt = told;
  const idleEndsAt = limits.idle_timeout === null ? null : Date.parse(session.expires_at);
  lives(core, { user, session, limits, idleEndsAt, endsAt: Date.parse(session.ends_at) }, false);
}

/** Somebody signed in here. */
export function entered(core: Core, { user, session }: Entered): void {
  core.epoch++;
  core.checking = null; // its answer will be about the session before
  lives(core, { user, session, limits: null, idleEndsAt: null, endsAt: Date.parse(session.ends_at) }, true);
}

function lives(core: Core, facts: Partial<SessionState>, here: boolean): void {
  const { emitter, who, hint, state } = core;
  const user = facts.user ?? null;
  const now = core.memory.read();
  const known = who ? who.id : hint?.user;
  const same = !known || known === "-" || known === (who ? user?.id : now?.user);
  const expired = state.status === "expired";
  const away = expired || state.status === "signedOut";
  Object.assign(core, { who: user, hint: now, announced: null });
  const next: SessionState = { ...state, ...facts, status: "signedIn", ending: null };
  set(core, { ...next, warning: core.live?.warningOf(next) ?? null });
  if (away && known && same && (expired || !here)) emitter.emit("restored", undefined);
  if (here || !same || (away && !known)) emitter.emit("signedIn", { user, same });
}

/** Nobody is signed in any more: a person signed out, *here* or elsewhere in this browser. */
export function left(core: Core, here: boolean): void {
  const { memory, state } = core;
  core.epoch++;
  memory.drop();
  core.hint = memory.read() ?? core.hint;
  set(core, { ...EMPTY, status: "signedOut", online: state.online });
  if (here || state.status !== "signedOut") core.emitter.emit("signedOut", { here });
  if (here) post(core, { is: "signedOut" });
}

// ── asking ───────────────────────────────────────────────────────────────────────────────────

/** Ask the server, without a sign of a person; callers at the same time share one request. */
export function check(core: Core): Promise<Current> {
  core.checkedAt = performance.now();
  core.checking ??= json<Current>(core, `${core.options.baseUrl}/sessions/current`, {
    passive: true,
    timeout: CHECK_LIMIT,
  }).finally(() => {
    core.checking = null;
  });
  return core.checking;
}

/** `check` for whoever does not care about its outcome. At most once in *gap* ms. */
export function recheck(core: Core, gap = 0): void {
  if (performance.now() - core.checkedAt >= gap) check(core).catch(() => {}); // what follows from it is done by then
}
