/** What goes on while the client is started: the tabs, the page's life, the network, the passing of time. */

import { createActivity } from "./activity.ts";
import { listen, type Message } from "./channel.ts";
import { type Core, type Live, post } from "./core.ts";
import { due, slid, timeUp, warningOf } from "./ends.ts";
import { SessionError } from "./errors.ts";
import { markOf } from "./hint.ts";
import { cool } from "./refresh.ts";
import { createScope, type Scope } from "./scope.ts";
import { check, left, recheck, set } from "./session.ts";
import { createStream } from "./stream.ts";
import { over } from "./trouble.ts";
import type { Ending } from "./types.ts";

/** A look at least so often: no timer is ever long enough to overflow, and a sleep is noticed. */
const SLOWEST = 60_000;
const FASTEST = 1_000;
const CALM = 5_000;
/** Between the wall clock and the monotonic one, or between two looks in a tab that browsers slow down. */
const JUMP = 5_000;
const OVERSLEPT = 180_000;

export function createLive(core: Core): Live {
  const { options, clock, emitter } = core;
  const activity = createActivity(core);
  const stream = createStream(core, end);
  let scope: Scope | null = null;
  let deafen = () => {};
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asleep = false;
  let wall = 0;
  let steady = 0;
  let hiddenAs: string | null = null;

  const page = () => {
    const hint = core.memory.read();
    return `${hint?.session} ${hint?.user}`; // that the token was rotated meanwhile makes nothing wrong here
  };

  // ── time ───────────────────────────────────────────────────────────────────────────────────

  function changed(): void {
    if (!scope) return;
    plan();
    const { status, session, limits } = core.state;
    if (status === "signedIn" && !limits) recheck(core);
    if (status === "expired" && !asleep) return; // the stream may still tell that it was undone
    const seen = !!navigator.locks || document.visibilityState === "visible";
    const wanted = options.push !== false && status === "signedIn" && !asleep && seen;
    stream.follow(wanted ? (session?.id ?? null) : null, scope);
  }

  function plan(): void {
    clearTimeout(timer);
    const next = Math.min(due(core), activity.due(), SLOWEST);
    timer = setTimeout(beat, Math.max(next, FASTEST) || SLOWEST); // an end that is no number is none
  }

  function beat(): void {
    const before = [wall, steady] as const;
    wall = Date.now();
    steady = performance.now();
    const passed = wall - before[0];
    const jumped = passed > OVERSLEPT || Math.abs(passed - (steady - before[1])) > JUMP;
    if (before[0] && jumped && core.state.status === "signedIn") recheck(core); // its answer sets the clock too
    if (due(core) <= 0) recheck(core, CALM);
    activity.tick();
    plan();
  }

  // ── the page ───────────────────────────────────────────────────────────────────────────────

  /** Look at the hint, and ask if it says something new. */
  function look(): void {
    const { hint, state } = core;
    const now = core.memory.read();
    if (state.status !== "signedIn") {
      if (now && markOf(now) !== markOf(hint)) recheck(core);
    } else if (now?.session !== hint?.session || now?.user !== hint?.user) recheck(core);
    else if (now && hint && now.serverNow > hint.serverNow) {
      core.hint = now;
      slid(core, now.idleEnd, now.end);
    }
  }

  /** Somebody looks at the page again, or could. */
  function wake(): void {
    beat();
    look();
    const { status, ending } = core.state;
    const undoable = (ending?.undoUntil ?? 0) > clock.now();
    if (status === "signedIn" || status === "unknown" || undoable) recheck(core, CALM);
    changed();
  }

  function sleep(): void {
    asleep = true;
    hiddenAs = page();
    changed();
    deafen(); // a message would throw the page out of the back/forward cache
  }

  function rise(event: Event): void {
    if (asleep && scope) deafen = listen(core, scope, hear);
    asleep = false;
    const other = (event as PageTransitionEvent).persisted && hiddenAs !== null && hiddenAs !== page();
    if (other) (options.reload ?? (() => location.reload()))();
    else wake();
  }

  async function network(): Promise<void> {
    const online = navigator.onLine;
    if (online && /signedIn|unknown/.test(core.state.status)) {
      core.cooling = undefined;
      await check(core).catch(() => {}); // whoever resumes finds out first whether it still may
    }
    set(core, { online });
    emitter.emit("online", online);
  }

  // ── the other tabs ─────────────────────────────────────────────────────────────────────────

  function hear(message: Message): void {
    if (message.is === "refreshed") {
      core.memory.bump();
      look();
    } else if (message.is === "cooling") {
      cool(core, message.mark, message.wait, new SessionError(message.code, message));
    } else if (message.is === "active") {
      activity.heard(message.at, !!message.told);
      if (message.told) slid(core, message.idleEndsAt ?? null, message.endsAt ?? null);
    } else if (message.is === "expired" && message.ending) end(message.ending, false);
    else if (message.is === "signedIn") {
      core.memory.bump();
      recheck(core);
    } else if (message.is === "asking") stream.answer();
    else if (message.is === "pushed") stream.hear(message.event, message.data, message.id, true);
    else signedOutElsewhere();
  }

  function signedOutElsewhere(): void {
    const { state, memory, quit } = core;
    if (state.status === "signedOut" || state.status === "expired") return;
    quit?.abort();
    if (memory.visible && !memory.read()) left(core, false);
    else recheck(core);
  }

  /** Over, as the event stream says (*sure*) or as another tab says. */
  function end(ending: Ending, sure: boolean): void {
    const { leaving, state } = core;
    if (leaving || !/signedIn|unknown/.test(state.status)) return;
    const signedOut = ending.reason === "signed_out";
    if (sure && signedOut) left(core, false);
    else if (sure) over(core, ending);
    else {
      if (!signedOut) core.announced = ending;
      recheck(core);
    }
  }

  // ── from start to stop ─────────────────────────────────────────────────────────────────────

  function start(): void {
    if (scope) return;
    scope = createScope();
    asleep = false;
    scope.add(() => clearTimeout(timer));
    deafen = listen(core, scope, hear);
    scope.listen(window, "pagehide", sleep);
    scope.listen(document, "freeze", sleep);
    scope.listen(window, "pageshow", rise);
    scope.listen(document, "resume", rise);
    scope.listen(window, "focus", wake);
    scope.listen(document, "visibilitychange", () =>
      document.visibilityState === "visible" ? wake() : changed(),
    );
    scope.listen(window, "online offline", network);
    scope.listen(window, "storage", (event) => (event as StorageEvent).key === options.channel && look());
    if (options.activity !== false) activity.watch(scope);
    beat();
    look(); // something may have happened before we could hear of it
    changed();
  }

  return {
    start,
    stop() {
      scope?.close();
      scope = null;
      wall = 0;
    },
    changed,
    told(at, here) {
      activity.heard(at, true);
      const { idleEndsAt, endsAt } = core.state;
      if (here) post(core, { is: "active", at, told: true, idleEndsAt, endsAt });
    },
    warningOf: (next) => warningOf(core, next),
    timeUp: () => timeUp(core),
    get open() {
      return scope?.size ?? 0;
    },
  };
}
