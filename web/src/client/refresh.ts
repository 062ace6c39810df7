/** Rotation: one at a time in a tab, one at a time in a browser where locks allow, never decided by a message. */

import { type Core, post, soon } from "./core.ts";
import { isOurs, SessionError } from "./errors.ts";
import { withLock } from "./locks.ts";
import { mover } from "./mover.ts";
import { json } from "./request.ts";
import { judge } from "./trouble.ts";

const LOCK_WAIT = 5_000;
const LIMIT = 10_000;
const FIRST_PAUSE = 5_000;
const LAST_PAUSE = 60_000;
/** Nobody waits for longer, whatever an answer says. */
const LONGEST = 3_600_000;
/** A lock that nobody else has comes faster than this. */
const QUEUED = 20;

/** Rotate, unless the token is another one than *before*. Fails at once while a failure cools down. */
export function refresh(core: Core, before: string): Promise<void> {
  core.flight ??= rotate(core, before).finally(() => {
    core.flight = null;
  });
  return core.flight;
}

/** No other attempt for the token *mark* for *wait* ms. */
export function cool(core: Core, mark: string, wait: number, error: SessionError): void {
  core.cooling = { mark, until: performance.now() + wait, error };
}

async function rotate(core: Core, before: string): Promise<void> {
  const { epoch } = core;
  const adopted = mover(core, before);
  const refuse = () => {
    const { cooling } = core;
    if (cooling?.mark === before && performance.now() < cooling.until) throw cooling.error;
  };
  refuse();
  core.quit = new AbortController();
  const asked = performance.now();
  await withLock(`${core.options.channel}:refresh`, LOCK_WAIT, async () => {
    // Whoever had the lock says what came of it, but the lock may be faster than the word.
    if (performance.now() > asked + QUEUED) await soon(adopted, QUEUED);
    if (adopted()) return;
    refuse();
    await ask(core, epoch, adopted).catch((error) => failed(core, error, before, epoch, adopted));
  });
}

async function ask(core: Core, epoch: number, adopted: () => boolean): Promise<void> {
  const gone = () => core.bearer && !core.memory.mark(); // another tab signed out
  await json(core, `${core.options.baseUrl}/refresh`, {
    method: "POST",
    body: core.bearer ? { refresh_token: core.memory.read()?.refresh } : undefined,
    bare: true,
    late: () => adopted() || gone(),
    timeout: LIMIT,
    signal: core.quit?.signal,
  });
  if (epoch !== core.epoch || gone()) throw new SessionError("aborted"); // signed out meanwhile
  core.memory.bump();
  if (!(await soon(adopted))) throw new SessionError("cookies-blocked");
  core.failures = 0;
  post(core, { is: "refreshed" });
  core.emitter.emit("refreshed", undefined);
}

/** Adopt what somebody else did, or throw *error* with what follows from it. */
async function failed(
  core: Core,
  error: SessionError,
  before: string,
  epoch: number,
  adopted: () => boolean,
): Promise<void> {
  if (error.code === "session_changed" && (await soon(adopted))) return;
  if (await judge(core, error, before, epoch)) return;
  if (!isOurs(error) && error.code !== "aborted") pause(core, before, error);
  throw error;
}

function pause(core: Core, mark: string, error: SessionError): void {
  const { code, status, retryAfter } = error;
  const least = retryAfter
    ? Math.min(LONGEST, retryAfter * 1_000)
    : Math.min(LAST_PAUSE, FIRST_PAUSE * 2 ** core.failures++);
  const wait = least * (1 + Math.random() / 5); // all tabs of all people must not come back at once
  cool(core, mark, wait, error);
  post(core, { is: "cooling", mark, wait, code, status, retryAfter });
}
