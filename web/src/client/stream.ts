/** The event stream: one connection for all tabs of a browser, relayed to the others. */

import { type Core, post } from "./core.ts";
import { endingOf } from "./ending.ts";
import { refusal, SessionError } from "./errors.ts";
import { exchange } from "./request.ts";
import type { Scope } from "./scope.ts";
import { recheck } from "./session.ts";
import type { Ending } from "./types.ts";

const FIRST_PAUSE = 1_000;
const LAST_PAUSE = 60_000;
/** Nobody stays away for longer, whatever an answer says; and no timer is set that none can hold. */
const LONGEST = 3_600_000;
/** The server says something every 20 s: a connection that is silent for longer is dead. */
const SILENCE = 50_000;
/** Seconds until the next attempt after an answer that is not the server's: of a hotel's network, as a rule. */
const STRANGE = 300;
/** Without locks, how long the tabs take to see which of them is first. */
const MUSTER = 2_000;

export interface Stream {
  /** Be connected for the session *id*, or next in line to be, until *scope* closes; null: not at all. */
  follow(id: string | null, scope: Scope): void;
  /** What the stream said, to this tab or to the one that holds it (*relayed*). */
  hear(event: string, data: string, id: string, relayed: boolean): void;
  /** Another tab asks whether this one holds the stream. */
  answer(): void;
}

export function createStream(core: Core, end: (ending: Ending, sure: boolean) => void): Stream {
  const { options, emitter } = core;
  let followed: string | null = null;
  let close: (() => void) | null = null;
  let absent = false;
  let lastData = "";
  let compared = false;
  let heardAt = Number.NEGATIVE_INFINITY;
  let connected = false;

  function hear(event: string, data: string, id: string, relayed: boolean): void {
    const facts = JSON.parse(data || "{}");
    const first = !core.lastId;
    if (id) {
      core.lastId = id;
      lastData = data;
    }
    if (relayed) heardAt = performance.now();
    else post(core, { is: "pushed", event, data, id });
    if (event === "sessions") emitter.emit("sessions", undefined);
    else if (first) core.compare?.(relayed && facts.server_now);
    if (event !== "session") return;
    if (facts.state === "ended") end(endingOf(facts), !relayed);
    else recheck(core);
  }

  function answer(): void {
    if (connected) hear("hello", lastData, core.lastId, false);
  }

  /** Whoever comes back with an id is told what they missed; who had none finds it here, once. */
  core.compare = (at) => {
    const { lastId, listed } = core;
    if (compared || !lastId || !listed?.version || listed.version === lastId) return;
    if (at && at < listed.server_now) return;
    compared = true;
    emitter.emit("sessions", undefined);
  };

  /** Read one connection until it ends. */
  async function read(signal: AbortSignal, alive: (heard: boolean) => void): Promise<void> {
    const headers = {
      accept: "text/event-stream",
      ...(core.lastId && { "last-event-id": core.lastId }),
    };
    const url = `${options.baseUrl}/sessions/events`;
    const response = await exchange(
      core,
      url,
      { headers, signal },
      { passive: true },
      (response) => response,
    );
    if (!response.ok || !response.body) throw await refusal(response);
    const kind = response.headers.get("content-type") ?? "";
    if (!kind.startsWith("text/event-stream")) throw new SessionError("server", { retryAfter: STRANGE });
    const feed = parser((event, data, id) => hear(event, data, id, false));
    const reader = response.body.getReader();
    for (let heard = false; ; heard = true) {
      alive(heard);
      const { done, value } = await reader.read();
      if (done) return;
      feed(value);
    }
  }

  async function connect(signal: AbortSignal): Promise<void> {
    let pause = FIRST_PAUSE;
    while (!signal.aborted && core.state.status === "signedIn") {
      if (!navigator.locks) await lead(signal);
      let wait = 0;
      const dead = new AbortController();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const alive = (heard: boolean) => {
        if (heard) pause = FIRST_PAUSE;
        clearTimeout(timer);
        timer = setTimeout(() => dead.abort(), SILENCE);
        connected = true;
        if (!navigator.locks) answer();
      };
      try {
        await read(AbortSignal.any([signal, dead.signal]), alive);
      } catch (error) {
        const { status, retryAfter }: Partial<SessionError> = error instanceof SessionError ? error : {};
        absent = status === 404;
        if (status === 401 && core.state.status === "signedIn") recheck(core);
        if (status === 401 || absent) return;
        wait = Math.min(LONGEST, (retryAfter ?? 0) * 1_000);
      } finally {
        clearTimeout(timer);
        connected = false;
      }
      await rest((wait || pause) * (1 + Math.random() / 2), signal);
      pause = Math.min(LAST_PAUSE, pause * 2);
    }
  }

  /** Without locks: wait until no other tab is connected. Six connections are all that a browser has for a server. */
  async function lead(signal: AbortSignal): Promise<void> {
    while (true) {
      post(core, { is: "asking" });
      await rest(Math.random() * MUSTER, signal);
      if (signal.aborted || performance.now() - heardAt >= SILENCE) return;
      await rest(SILENCE, signal);
    }
  }

  function start(scope: Scope): void {
    const quit = new AbortController();
    const closed = scope.add(() => {
      quit.abort();
      if (close === closed) close = null;
    });
    close = closed;
    if (!core.lastId) post(core, { is: "asking" }); // another tab may have heard what we came too late for
    const { locks } = navigator;
    const work = () => connect(quit.signal);
    const done = locks ? locks.request(`${options.channel}:events`, { signal: quit.signal }, work) : work();
    done.catch(() => {}).finally(closed);
  }

  return {
    follow(id, scope) {
      if (id !== followed) close?.();
      followed = id;
      if (id && !close && !absent) start(scope);
    },
    hear,
    answer,
  };
}

/** *ms*, or until *signal*. */
function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const over = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", over);
      done();
    };
    const timer = setTimeout(over, signal.aborted ? 0 : ms);
    signal.addEventListener("abort", over);
  });
}

/** Server-sent events (HTML standard, section 9.2.6), as far as our server uses them. */
export function parser(told: (event: string, data: string, id: string) => void): (chunk: Uint8Array) => void {
  const decoder = new TextDecoder();
  let left = "";
  let fields: Record<string, string> = {};
  return (chunk) => {
    const all = (left + decoder.decode(chunk, { stream: true })).split(/\r\n|\r|\n/);
    left = all.pop() as string;
    for (const line of all) {
      const [, name, value] = /^([^:]+)(?:: ?(.*))?$/.exec(line) ?? [];
      if (name) fields[name] = name === "data" && fields.data ? `${fields.data}\n${value}` : (value ?? "");
      if (line) continue;
      if (fields.event) told(fields.event, fields.data ?? "", fields.id ?? "");
      fields = {};
    }
  };
}
