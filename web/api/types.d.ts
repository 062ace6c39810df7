//#region src/client/types.d.ts
/** Wire types of the native API, and the public face of the client. */
/** ISO 8601, UTC, three fraction digits and Z. */
type Time = string;
type DeviceKind = "desktop" | "mobile" | "tablet" | "bot" | "api" | "unknown";
interface Device {
  /** The same for all sessions of one browser; null if it has no name. */
  id: string | null;
  kind: DeviceKind;
  name: string;
  model: string | null;
  browser: string | null;
  browser_version: string | null;
  os: string | null;
  os_version: string | null;
  /** What its user calls it. */
  custom_name: string | null;
}
interface Place {
  city: string | null;
  country: string | null;
}
/** A live session: it ends at `expires_at` if nobody comes back, at `ends_at` in any case. */
interface SessionRow {
  id: string;
  current: boolean;
  device: Device;
  ip: string | null;
  place: Place | null;
  created_at: Time;
  seen_at: Time;
  expires_at: Time;
  ends_at: Time;
  authenticated_at: Time | null;
  application_id: string | null;
  tenant_id: string | null;
  remember: boolean;
  impersonated: boolean;
  /** How its user signed in (RFC 8176). */
  amr: string[];
}
type Reason = "signed_out" | "user" | "replaced" | "cap" | "replay" | "password_changed" | "account_disabled" | "account_deleted" | "admin" | "system" | "reported" | "binding";
interface EndedRow extends SessionRow {
  ended_at: Time;
  /** null: it ended by time. */
  reason: Reason | null;
  by: "user" | "admin" | "system" | null;
}
interface SessionList {
  sessions: SessionRow[];
  count: number;
  /** Tells one state of the whole list from another; null: not all of it was asked for. */
  version: string | null;
  server_now: Time;
}
interface History {
  sessions: EndedRow[];
  count: number;
  server_now: Time;
}
/** The policy's numbers for the session at hand, in seconds. */
interface Limits {
  lifetime: number;
  lifetime_words: string;
  idle_timeout: number | null;
  idle_timeout_words: string | null;
  activity_every: number;
  fresh_for: number;
  rotate_every: number | null;
  /** How long a sign-out of another device can be undone; 0: not at all. */
  undo_for: number;
}
interface User {
  id: string;
  email: string;
  name: string;
  role: string;
  created_at: Time;
  disabled: boolean;
}
interface Tokens {
  access_token?: string;
  refresh_token?: string;
  token_type?: "Bearer";
  expires_in?: number;
}
interface Current extends Tokens {
  user: User | null;
  session: SessionRow;
  limits: Limits;
  server_now: Time;
}
interface Entered extends Tokens {
  user: User;
  session: SessionRow;
}
interface Ended {
  id: string;
  undo_until: Time | null;
}
interface Preferences {
  /** Seconds; null: the policy's. */
  idle_timeout: number | null;
  idle_timeout_least: number;
  idle_timeout_most: number | null;
  choices: number[];
}
type ErrorCode = "unauthenticated" | "session_expired" | "session_revoked" | "forbidden" | "reauth_required" | "csrf" | "rate_limited" | "network" | "offline" | "timeout" | "server" | "aborted" | "not-replayable" | "not_found" | "invalid" | (string & {});
/** Why the session is over, as far as anybody told. */
interface Ending {
  code: "session_expired" | "session_revoked" | "unauthenticated" | (string & {});
  /** "idle" or "absolute" for `session_expired`; why it was revoked for `session_revoked`. */
  reason: string | null;
  /** The name of the device from which it was ended. */
  device: string | null;
  /** Until when whoever ended it can take that back. */
  undoUntil: number | null;
  /** Seconds of the limit that was reached. */
  limit: number | null;
}
interface ActivityOptions {
  /** How often the client looks whether a person was active, in ms. Default: the policy's (5 minutes). */
  every?: number;
  /** … and how long ago that may be for the session to be extended. Default: the idle timeout (15 minutes). */
  within?: number;
}
interface SessionClientOptions {
  /** Where the API is. Default "/api/auth". */
  baseUrl?: string;
  /** Further origins whose requests through `client.fetch` carry credentials. The page's own and that of `baseUrl` always do. */
  origins?: string[];
  /** "cookie" (default): the browser holds the credential, no script sees it. "bearer": tokens in headers. */
  mode?: "cookie" | "bearer";
  /** Bearer mode: where tokens are kept, shared by the tabs. Default localStorage. */
  storage?: Storage;
  /** Default: the global one, looked up at each call. */
  fetch?: typeof globalThis.fetch;
  /** ms before a request fails with code "timeout". Default 30 000. */
  timeout?: number;
  /** Clients with the same name share refreshes, activity and sign-outs. Default "sojourn". */
  channel?: string;
  /** false: activity is neither watched nor told. */
  activity?: ActivityOptions | false;
  /** false: no event stream; polling remains. */
  push?: boolean;
  /** ms before the idle end at which `warning` is told. Default 120 000; never under 20 000. */
  warnBefore?: number;
  /** Whom thrown listeners are told to. Default: reported as an uncaught error. */
  onError?: (error: unknown) => void;
  /** The list of sessions that the page was served with: that it changed since then is told as `sessions`. */
  list?: SessionList | null;
  /** What to do with a page that the browser brought back although the session changed. Default: reload it. */
  reload?: () => void;
}
type Status = "unknown" | "signedIn" | "signedOut" | "expired";
/** What is known now; a new object with every change, so that it can be compared by identity. */
interface SessionState {
  status: Status;
  user: User | null;
  session: SessionRow | null;
  limits: Limits | null;
  /** Set while `status` is "expired". */
  ending: Ending | null;
  /** When the session ends if nobody is active; ms of the server's clock; null: unknown or never. */
  idleEndsAt: number | null;
  endsAt: number | null;
  /** The idle end (or the absolute one) is less than `warnBefore` away. */
  warning: null | {
    kind: "idle" | "absolute";
    endsAt: number;
  };
  online: boolean;
}
interface SessionEvents {
  /** The session is over, told once per session and tab. */
  expired: Ending;
  /** A hold was lifted, or the same user signed in again. */
  restored: undefined;
  refreshed: undefined;
  signedIn: {
    user: User | null;
    same: boolean;
  };
  signedOut: {
    here: boolean;
  };
  /** The list of the user's sessions may have changed. */
  sessions: undefined;
  warning: SessionState["warning"];
  online: boolean;
}
interface RequestOptions {
  method?: string;
  body?: unknown;
  query?: Record<string, string | number | boolean | undefined>;
  /** Nobody asked for it: no sign of a person. */
  passive?: boolean;
  signal?: AbortSignal;
  timeout?: number;
  keepalive?: boolean;
}
interface ListFilter {
  application_id?: string;
  tenant_id?: string;
}
interface SessionClient {
  readonly options: Readonly<SessionClientOptions>;
  /** Begin to watch activity, tabs, network and events; returns `stop`. Counted: what was started twice is stopped twice. */
  start(): () => void;
  stop(): void;
  /** The server's clock, ms. */
  now(): number;
  getState(): SessionState;
  /** Called with each new state; returns the way out. */
  subscribe(listener: (state: SessionState) => void): () => void;
  on<E extends keyof SessionEvents>(event: E, listener: (detail: SessionEvents[E]) => void): () => void;
  /** As `fetch`, with credentials, refresh, bounded retry and typed errors for 401; other statuses are the caller's. */
  fetch: typeof globalThis.fetch;
  /** JSON to and from the API; every failure is a `SessionError`. `path` is below `baseUrl`. */
  request<T>(path: string, options?: RequestOptions): Promise<T>;
  signIn(given: {
    email: string;
    password: string;
    remember?: boolean;
  }): Promise<Entered>;
  signUp(given: {
    email: string;
    password: string;
    name?: string;
    remember?: boolean;
  }): Promise<Entered>;
  signOut(): Promise<void>;
  reauthenticate(given: {
    password: string;
  }): Promise<Current>;
  /** Rotate now; one call for all tabs. */
  refresh(): Promise<void>;
  /** Say that a person is here, now: "Stay signed in". */
  extend(): Promise<void>;
  current(options?: {
    passive?: boolean;
    signal?: AbortSignal;
  }): Promise<Current>;
  sessions(filter?: ListFilter, options?: {
    passive?: boolean;
    signal?: AbortSignal;
  }): Promise<SessionList>;
  history(options?: {
    passive?: boolean;
    signal?: AbortSignal;
  }): Promise<History>;
  revoke(id: string, options?: {
    undo?: boolean;
  }): Promise<Ended>;
  undo(id: string): Promise<SessionRow>;
  report(id: string, options?: {
    others?: boolean;
  }): Promise<{
    id: string;
    count: number;
  }>;
  rename(id: string, name: string | null): Promise<SessionRow>;
  revokeOthers(): Promise<{
    count: number;
  }>;
  revokeAll(options?: {
    includeCurrent?: boolean;
  }): Promise<{
    count: number;
  }>;
  preferences(): Promise<Preferences>;
  setPreferences(given: {
    idle_timeout: number | null;
  }): Promise<Preferences>;
  /** For administrators, below `/api/admin`. */
  admin: {
    sessions(query?: Record<string, string | number | boolean | undefined>): Promise<unknown>;
    revoke(id: string, given?: {
      reason?: string;
      note?: string;
    }): Promise<unknown>;
    request<T>(path: string, options?: RequestOptions): Promise<T>;
  };
  /** How many listeners, timers, channels and connections are open: for tests of leaks. */
  readonly open: number;
}
//#endregion
export { Status as C, User as E, SessionState as S, Tokens as T, SessionClient as _, Ended as a, SessionList as b, Entered as c, Limits as d, ListFilter as f, RequestOptions as g, Reason as h, DeviceKind as i, ErrorCode as l, Preferences as m, Current as n, EndedRow as o, Place as p, Device as r, Ending as s, ActivityOptions as t, History as u, SessionClientOptions as v, Time as w, SessionRow as x, SessionEvents as y };
