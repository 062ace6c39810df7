/** One request: credentials, timeout and typed errors. */

import type { Core } from "./core.ts";
import { anew, isOurs, refusal, SessionError } from "./errors.ts";
import { see } from "./session.ts";
import type { RequestOptions } from "./types.ts";

const SENDS = 3;

type Read<T> = (response: Response) => T | Promise<T>;

export interface How {
  passive?: boolean;
  timeout?: number;
  /** It needs no session: it neither waits for a refresh nor is it sent again. */
  bare?: boolean;
  /** Whether its tokens came too late, and newer ones are there. */
  late?: () => boolean;
}

/** As the global `fetch`, for `SessionClient.fetch`. */
export function fetched(core: Core, input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
  const asked = input instanceof Request ? input : null;
  if (!allowed(core, asked?.url ?? `${input}`)) return go(core, input, init);
  return exchange(core, input, { ...init, signal: init.signal ?? asked?.signal }, {}, (response) => response);
}

/** JSON to and from *url*; every failure is a `SessionError`. What it says of the session is taken note of. */
export function json<T>(core: Core, url: string, options: RequestOptions & How = {}): Promise<T> {
  const { method = "GET", body, query = {}, signal, keepalive, ...how } = options;
  const { epoch, clock } = core;
  const sent = Date.now();
  const given = Object.entries(query).filter(([, value]) => value !== undefined) as [string, string][];
  const whole = given.length ? `${url}?${new URLSearchParams(given)}` : url;
  const init: RequestInit = { method, signal, keepalive };
  if (body !== undefined) {
    init.headers = { "content-type": "application/json" };
    init.body = JSON.stringify(body);
  }
  return exchange(core, whole, init, how, async (response) => {
    if (!response.ok) throw await refusal(response);
    const told = response.status === 204 ? undefined : await response.json();
    clock.learn(Date.parse(told?.server_now), sent, 3);
    if (epoch === core.epoch) {
      if (told?.access_token && !how.late?.()) core.memory.keep(told);
      if (told?.limits) see(core, told);
    }
    return told;
  });
}

export async function exchange<T>(
  core: Core,
  input: RequestInfo | URL,
  init: RequestInit,
  how: How,
  read: Read<T>,
): Promise<T> {
  const { epoch } = core;
  const { signal, body } = init;
  await core.ready?.();
  for (let left = SENDS - 1; ; left--) {
    if (!how.bare) await unless(signal, core.flight);
    const before = core.memory.mark();
    const dressed = { ...init, ...dress(core, input, init, how) };
    const answer = await send(core, input, dressed, how.timeout ?? core.options.timeout, read);
    if (!(answer instanceof SessionError)) return answer;
    const settle = async () => (await trouble()).again(core, answer, before, epoch, left > 0);
    if (how.bare || !(await unless(signal, settle()))) throw answer;
    if (body instanceof ReadableStream) throw new SessionError("not-replayable", { cause: answer });
  }
}

/** One send; a refusal of the session is a value, since it is not yet the end. */
async function send<T>(
  core: Core,
  input: RequestInfo | URL,
  init: RequestInit,
  limit: number,
  read: Read<T>,
) {
  const { memory, clock } = core;
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), limit);
  const signal = init.signal ? AbortSignal.any([init.signal, stop.signal]) : stop.signal;
  try {
    const before = memory.read()?.serverNow;
    const sent = Date.now();
    const response = await go(core, input instanceof Request ? input.clone() : input, { ...init, signal });
    const told = memory.read()?.serverNow;
    if (told && told !== before) clock.learn(told, sent, 2);
    clock.learn(Date.parse(response.headers.get("date") ?? "") + 500, sent, 1);
    const error = response.status === 401 && (await refusal(response.clone()));
    return error && isOurs(error) ? error : await read(response);
  } catch (cause) {
    if (cause instanceof SessionError) throw cause;
    const code = init.signal?.aborted ? "aborted" : stop.signal.aborted ? "timeout" : fault(cause);
    throw new SessionError(code, { cause });
  } finally {
    clearTimeout(timer);
  }
}

/** What to do about a refusal: `start` has fetched it long before, or it is fetched now. */
export function trouble(): Promise<typeof import("./trouble.ts")> {
  return import("./trouble.ts").catch(anew);
}

/** Our headers and credentials, on top of the caller's own. */
function dress(core: Core, input: RequestInfo | URL, init: RequestInit, how: How): RequestInit {
  const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
  if (how.passive) headers.set("x-session-passive", "1");
  if (!core.bearer) return { headers, credentials: init.credentials ?? "include" };
  const access = core.memory.read()?.access;
  if (access && !how.bare && !headers.has("authorization")) headers.set("authorization", `Bearer ${access}`);
  return { headers };
}

function go({ options }: Core, input: RequestInfo | URL, init: RequestInit): Promise<Response> {
  return (options.fetch ?? globalThis.fetch)(input, init);
}

/** What the platform's own error means. */
function fault(error: unknown): string {
  if (error instanceof SyntaxError) return "server"; // an answer, but not of ours: a portal, a proxy
  return globalThis.navigator?.onLine === false ? "offline" : "network";
}

/** Whether *url* may see who we are. */
function allowed({ options }: Core, url: string): boolean {
  const page = globalThis.location?.href;
  const base = globalThis.document?.baseURI ?? page; // which a page can set to another origin
  const origin = (address = "") => (URL.canParse(address, base) ? new URL(address, base).origin : "null");
  const wanted = origin(url);
  return (
    wanted !== "null" && [page, options.baseUrl, ...(options.origins ?? [])].map(origin).includes(wanted)
  );
}

/** The outcome of *work*, unless *signal* is faster. */
function unless<T>(signal: AbortSignal | null | undefined, work: Promise<T> | T): Promise<T> | T {
  if (!signal || !(work instanceof Promise)) return work;
  return new Promise((resolve, reject) => {
    const stop = () => reject(new SessionError("aborted", { cause: signal.reason }));
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
