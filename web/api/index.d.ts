import { C as Status, E as User, S as SessionState, T as Tokens, _ as SessionClient, a as Ended, b as SessionList, c as Entered, d as Limits, f as ListFilter, g as RequestOptions, h as Reason, i as DeviceKind, l as ErrorCode, m as Preferences, n as Current, o as EndedRow, p as Place, r as Device, s as Ending, t as ActivityOptions, u as History, v as SessionClientOptions, w as Time, x as SessionRow, y as SessionEvents } from "./types.js";

//#region src/client/errors.d.ts
interface Details {
  status?: number;
  message?: string;
  retryAfter?: number | null;
  facts?: Record<string, unknown>;
  cause?: unknown;
}
declare class SessionError extends Error {
  readonly name = "SessionError";
  readonly code: ErrorCode;
  /** The HTTP status; 0: no answer came. */
  readonly status: number;
  /** Seconds. */
  readonly retryAfter: number | null;
  readonly requestId: string | null;
  readonly reason: string | null;
  /** For `reauth_required`: the ways to prove who one is. */
  readonly methods: string[];
  /** The problem details as the server gave them. */
  readonly facts: Record<string, unknown>;
  constructor(code: ErrorCode, {
    status,
    message,
    retryAfter,
    facts,
    cause
  }?: Details);
}
declare namespace format_d_exports {
  export { absolute, duration, isActive, relative, tick };
}
/** Times as people read them, by `Intl` alone. Words that are not numbers are left to the catalogue. */
type Moment = string | number;
/** Whether a session was used so lately that we say "Active now": the server itself does not know better. */
declare function isActive(seenAt: Moment, now: number): boolean;
/** "2 hours ago", "in 3 days". The past is rounded down. */
declare function relative(at: Moment, now: number, locale?: string): string;
/**
 * "5 days, 23 hr": days and hours from a day on, hours and minutes below, minutes below an hour,
 * minutes and seconds below ten minutes. Rounded down; what is nothing is not said.
 */
declare function duration(length: number, locale?: string): string;
/** "8 Nov 2025, 17:45" in the zone of whoever reads it, or in *timeZone*. */
declare function absolute(at: Moment, locale?: string, timeZone?: string): string;
/** After how many ms a text about a time so far away has to be written again. */
declare function tick(distance: number): number;
//#endregion
//#region src/client/index.d.ts
/** Nothing happens before the first request or `start()`; on a server, `start()` does nothing. */
declare function createSessionClient(given?: SessionClientOptions): SessionClient;
//#endregion
export { ActivityOptions, Current, Device, DeviceKind, Ended, EndedRow, Ending, Entered, ErrorCode, History, Limits, ListFilter, Place, Preferences, Reason, RequestOptions, SessionClient, SessionClientOptions, SessionError, SessionEvents, SessionList, SessionRow, SessionState, Status, Time, Tokens, User, createSessionClient, format_d_exports as formats };
