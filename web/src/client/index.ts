/** The client of a browser session, for any framework and none. */

import { createApi } from "./api.ts";
import type { Core, Options } from "./core.ts";
import { anew, SessionError } from "./errors.ts";
import { createEmitter } from "./events.ts";
import { cookieMemory, createClock } from "./hint.ts";
import { fetched, trouble } from "./request.ts";
import { EMPTY, recheck, set } from "./session.ts";
import type { SessionClient, SessionClientOptions } from "./types.ts";

export * as formats from "./format.ts";
export type * from "./types.ts";
export { SessionError };

/** Nothing happens before the first request or `start()`; on a server, `start()` does nothing. */
export function createSessionClient(given: SessionClientOptions = {}): SessionClient {
  const core = createCore(given);
  const { emitter } = core;
  let users = 0;
  let awaited = false;

  /** Get what watches, and let it. Where it cannot be had, the next look at the page tries again. */
  async function watch(): Promise<void> {
    expect(false);
    try {
      const live: typeof import("./live.ts") = await import("./live.ts").catch(anew);
      core.live ??= live.createLive(core); // asked for twice before it came, it is still one
      if (users) core.live.start();
    } catch {
      expect(users > 0);
    }
  }

  function expect(again: boolean): void {
    awaited = again;
    if (again) addEventListener("focus", watch);
    else removeEventListener("focus", watch);
  }

  function stop(): void {
    if (!users || --users) return;
    expect(false);
    core.live?.stop();
  }

  return {
    options: core.options,
    start() {
      if (typeof window === "undefined") return () => {};
      if (!users++) {
        begin(core).catch(() => {}); // looking at the page tries again
        if (core.live) core.live.start();
        else watch();
      }
      let stopped = false;
      return () => {
        if (!stopped) stop();
        stopped = true;
      };
    },
    stop,
    now: core.clock.now,
    getState: () => core.state,
    subscribe: (listener) => emitter.on("state", listener),
    on: emitter.on,
    fetch: (input, init) => fetched(core, input, init),
    async refresh() {
      await core.ready?.();
      await (await trouble()).refresh(core, core.memory.mark());
    },
    get open() {
      return core.live?.open ?? +awaited;
    },
    ...createApi(core),
  };
}

/** Find out who is signed in, unless there is no hint of anybody. */
async function begin(core: Core): Promise<void> {
  await core.ready?.();
  const { memory, clock, state } = core;
  const hint = memory.read();
  if (hint && hint.serverNow > Date.now()) clock.learn(hint.serverNow, Date.now(), 1);
  if (state.status !== "unknown") return;
  if (memory.visible && (!hint || hint.user === "-")) set(core, { status: "signedOut" });
  else recheck(core);
}

function createCore(given: SessionClientOptions): Core {
  const options: Options = Object.freeze({
    channel: "sojourn",
    timeout: 30_000,
    warnBefore: 120_000,
    onError: report,
    ...given,
    baseUrl: whole(given.baseUrl ?? "/api/auth"),
  });
  const bearer = options.mode === "bearer";
  const memory = cookieMemory(!bearer && isHere(options.baseUrl));
  const core: Core = {
    options,
    bearer,
    memory,
    id: Math.random(),
    state: { ...EMPTY, online: globalThis.navigator?.onLine ?? true },
    epoch: 0,
    leaving: false,
    clock: createClock(),
    emitter: createEmitter(options.onError),
    who: null,
    hint: memory.read(),
    seenAt: 0,
    announced: null,
    checking: null,
    checkedAt: Number.NEGATIVE_INFINITY,
    flight: null,
    failures: 0,
    listed: given.list,
    lastId: "",
  };
  if (bearer) core.ready = () => keep(core);
  return core;
}

/** Get what keeps tokens, once; where it cannot be had, the next request tries again. */
async function keep(core: Core): Promise<void> {
  const { bearerMemory } = await import("./bearer.ts").catch(anew);
  if (!core.ready) return;
  core.ready = undefined;
  core.memory = bearerMemory(core.options);
  core.hint = core.memory.read();
}

/** *url* as seen from the page, whatever its <base> says: that may name another origin. */
function whole(url: string): string {
  const page = globalThis.location?.href;
  return (page ? new URL(url, page).href : url).replace(/\/$/, "");
}

/** Whether *url* is of the page's origin: only then its cookies can be seen. */
function isHere(url: string): boolean {
  return !!globalThis.document && new URL(url).origin === location.origin;
}

function report(error: unknown): void {
  (globalThis.reportError ?? console.error)(error);
}
