/** The server in miniature: one user's browser session with rotation, an idle end and a final one. */
import { setHint } from "./browser.ts";

export interface Call {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: whatever a test sent
  body: any;
  init: RequestInit;
}

type Answer = (call: Call) => Response | Promise<Response> | undefined;

export const MINUTE = 60_000;
export const BASE = "http://localhost:3000/api/auth";

export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}

export function problem(
  status: number,
  code: string,
  facts: object = {},
  headers: Record<string, string> = {},
): Response {
  const body = {
    type: `urn:sojourn:problem:${code}`,
    status,
    code,
    message: `(${code})`,
    request_id: "r1",
    ...facts,
  };
  return json(body, status, {
    "content-type": "application/problem+json",
    ...(status === 401 && code !== "invalid_credentials" ? { "x-session-code": code } : {}),
    ...headers,
  });
}

export class Server {
  calls: Call[] = [];
  /** ms that an answer takes. */
  latency = 0;
  /** The server's clock less the client's. */
  ahead = 0;
  idle = 15 * MINUTE;
  lifetime = 30 * 24 * 60 * MINUTE;
  activityEvery = 5 * MINUTE;
  /** What the browser presents: the cookie, or what the request bears. */
  cookie: { session: string; generation: number } | null = null;
  session = "s1";
  user = "ada";
  generation = 1;
  /** Tokens before this generation are too old for requests. */
  oldest = 1;
  began = 0;
  seen = 0;
  ended: { code: string; facts?: object } | null = null;
  cookiesBlocked = false;
  /** Overrides by "METHOD /path"; undefined: as usual. */
  answers = new Map<string, Answer>();
  /** Event streams that are open. */
  streams: { say(text: string): void; close(): void; call: Call }[] = [];

  now = (): number => Date.now() + this.ahead;

  /** Somebody is signed in, in this browser. */
  signIn(user = "ada", session = "s1"): this {
    Object.assign(this, { user, session, generation: 1, oldest: 1, ended: null });
    this.began = this.seen = this.now();
    this.setCookie();
    return this;
  }

  /** From now on every request needs a new generation. */
  age(): void {
    this.oldest = this.generation + 1;
  }

  end(code: string, facts: object = {}): void {
    this.ended = { code, facts };
  }

  count(path: string, method?: string): number {
    return this.of(path, method).length;
  }

  of(path: string, method?: string): Call[] {
    return this.calls.filter((call) => call.path === path && (!method || call.method === method));
  }

  /** For `options.fetch`. */
  fetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const request = input instanceof Request ? input : null;
    const url = new URL(request?.url ?? `${input}`, "http://localhost:3000");
    const text = request ? await request.clone().text() : init.body;
    const call: Call = {
      method: init.method ?? request?.method ?? "GET",
      path: url.pathname.replace("/api/auth", ""),
      query: url.searchParams,
      headers: new Headers(init.headers),
      body: typeof text === "string" && /^[[{]/.test(text) ? JSON.parse(text) : text,
      init,
    };
    this.calls.push(call);
    const cookie = this.cookie;
    await this.take(init.signal);
    const answer =
      (await this.answers.get(`${call.method} ${call.path}`)?.(call)) ?? this.usual(call, cookie);
    if (init.signal?.aborted) throw new DOMException("aborted", "AbortError");
    return answer;
  };

  private take(signal?: AbortSignal | null): Promise<void> | undefined {
    if (signal?.aborted) throw new DOMException("aborted", "AbortError");
    if (!this.latency) return undefined;
    return new Promise((done, no) => {
      const timer = setTimeout(done, this.latency);
      signal?.addEventListener("abort", () => {
        clearTimeout(timer);
        no(new DOMException("aborted", "AbortError"));
      });
    });
  }

  private usual(call: Call, cookie: Server["cookie"]): Response {
    const refusal = this.refuse(call, cookie);
    switch (`${call.method} ${call.path}`) {
      case "POST /sign-in":
      case "POST /sign-up":
        return this.enter(call);
      case "POST /sign-out":
        return this.leave();
      case "POST /refresh":
        return this.refuse(call, cookie, true) ?? this.rotate(call);
      case "POST /activity":
        if (!refusal) this.seen = Math.max(this.seen, this.now() - call.body.idle_ms);
        if (!refusal) this.setCookie();
        return refusal ?? json(this.current());
      case "GET /sessions/current":
        return refusal ?? json(this.current());
      case "GET /sessions/events":
        return refusal ?? this.stream(call);
      default:
        return refusal ?? json({ ok: true, sessions: [], count: 0, server_now: this.iso(this.now()) });
    }
  }

  private refuse(call: Call, cookie: Server["cookie"], refreshing = false): Response | null {
    const bearer = call.headers.get("authorization")?.slice("Bearer access-".length);
    const token = call.body?.refresh_token?.slice("refresh-".length) ?? bearer;
    const presented = token ? { session: this.session, generation: +token } : cookie;
    if (!presented || presented.session !== this.session) return problem(401, "unauthenticated");
    if (this.now() >= this.ends().idle)
      this.end("session_expired", { reason: "idle", limit_seconds: this.idle / 1000 });
    if (this.ended) {
      this.clearCookie();
      return problem(401, this.ended.code, this.ended.facts);
    }
    if (refreshing) return null;
    return presented.generation < this.oldest ? problem(401, "access_expired") : null;
  }

  private enter(call: Call): Response {
    if (call.body.password === "wrong") return problem(401, "invalid_credentials");
    this.signIn(call.body.email.split("@")[0], `${this.session}x`);
    const { user, session } = this.current();
    return json({ user, session, ...(call.body.mode === "bearer" && this.tokens()) });
  }

  private leave(): Response {
    this.end("session_revoked", { reason: "signed_out" });
    this.clearCookie();
    return json({ success: true });
  }

  private rotate(call: Call): Response {
    this.generation++;
    this.setCookie();
    return json({ ...this.current(), ...(call.body?.refresh_token && this.tokens()) });
  }

  private stream(call: Call): Response {
    const encoder = new TextEncoder();
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const stream = {
          call,
          say: (text: string) => controller.enqueue(encoder.encode(text)),
          close: () => {
            this.streams = this.streams.filter((one) => one !== stream);
            controller.close();
          },
        };
        this.streams.push(stream);
        call.init.signal?.addEventListener("abort", () => {
          this.streams = this.streams.filter((one) => one !== stream);
          controller.error(new DOMException("aborted", "AbortError"));
        });
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }

  /** Say an event on every open stream. */
  say(event: string, data: object, id = "v1"): void {
    for (const stream of this.streams)
      stream.say(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  setCookie(): void {
    if (this.cookiesBlocked) return;
    this.cookie = { session: this.session, generation: this.generation };
    const { idle, final } = this.ends();
    setHint(`v1.${this.generation}.${idle}.${final}.${this.now()}.${this.user}.${this.session}`);
  }

  clearCookie(): void {
    this.cookie = null;
    setHint(null);
  }

  ends(): { idle: number; final: number } {
    const final = this.began + this.lifetime;
    return { idle: Math.min(this.seen + this.idle, final), final };
  }

  iso(ms: number): string {
    return new Date(ms).toISOString();
  }

  tokens(): object {
    const { generation } = this;
    return {
      access_token: `access-${generation}`,
      refresh_token: `refresh-${generation}`,
      token_type: "Bearer",
    };
  }

  // biome-ignore lint/suspicious/noExplicitAny: only what the client reads
  current(): any {
    const { idle, final } = this.ends();
    return {
      user: { id: this.user, email: `${this.user}@example.org` },
      session: { id: this.session, current: true, expires_at: this.iso(idle), ends_at: this.iso(final) },
      limits: {
        lifetime: this.lifetime / 1000,
        idle_timeout: this.idle / 1000,
        activity_every: this.activityEvery / 1000,
      },
      server_now: this.iso(this.now()),
    };
  }
}
