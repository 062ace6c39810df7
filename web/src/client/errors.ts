/** Every failure of the client: a code for machines, a sentence for people, and the facts for both. */

import type { ErrorCode } from "./types.ts";

/** English, and only what a user interface without a catalogue of its own shows. */
const MESSAGES: Record<string, string> = {
  unauthenticated: "Please sign in to continue.",
  session_expired: "Your session has expired. Please sign in again.",
  session_revoked: "You were signed out from another device.",
  forbidden: "You do not have permission",
  reauth_required: "Please confirm it is you.",
  csrf: "This page is out of date. Reload and try again.",
  rate_limited: "Too many requests. Please try again later.",
  network: "Network error. Please check your connection.",
  offline: "You are offline.",
  timeout: "Request timeout. Please try again.",
  server: "Something went wrong on our side. Please try again.",
  aborted: "Cancelled.",
  "not-replayable": "Please try again.",
  "cookies-blocked": "Please allow cookies.",
};

const BY_STATUS: Record<number, ErrorCode> = {
  401: "unauthenticated",
  403: "forbidden",
  404: "not_found",
  429: "rate_limited",
};

/** The 401 codes that speak of the session. */
const OF_SESSION =
  /^(unauthenticated|token_(invalid|superseded)|access_expired|session_(expired|revoked)|refresh_reused)$/;

interface Details {
  status?: number;
  message?: string;
  retryAfter?: number | null;
  facts?: Record<string, unknown>;
  cause?: unknown;
}

export class SessionError extends Error {
  override readonly name = "SessionError";
  declare readonly code: ErrorCode;
  /** The HTTP status; 0: no answer came. */
  declare readonly status: number;
  /** Seconds. */
  declare readonly retryAfter: number | null;
  declare readonly requestId: string | null;
  declare readonly reason: string | null;
  /** For `reauth_required`: the ways to prove who one is. */
  declare readonly methods: string[];
  /** The problem details as the server gave them. */
  declare readonly facts: Record<string, unknown>;

  constructor(code: ErrorCode, { status = 0, message, retryAfter = null, facts = {}, cause }: Details = {}) {
    super(sentence(code, retryAfter) ?? message ?? MESSAGES.server, { cause });
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter;
    this.facts = facts;
    this.requestId = text(facts.request_id);
    this.reason = text(facts.reason);
    this.methods = Array.isArray(facts.methods) ? facts.methods : [];
  }
}

function sentence(code: string, retryAfter: number | null): string | undefined {
  if (code !== "rate_limited" || !retryAfter) return MESSAGES[code];
  return `Too many requests. Please try again in ${retryAfter} second${retryAfter === 1 ? "" : "s"}.`;
}

export function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** What a refusal says; reads the body of *response*. */
export async function refusal(response: Response): Promise<SessionError> {
  const { status, headers } = response;
  const problem = /problem\+json/.test(headers.get("content-type") ?? "");
  const read: unknown = problem ? await response.json().catch(() => null) : null;
  const facts = (read && typeof read === "object" ? read : {}) as Record<string, unknown>;
  const told = headers.get("x-session-code") ?? text(facts.code);
  return new SessionError(codeOf(status, told), {
    status,
    facts: { ...facts, code: told },
    message: text(facts.message) ?? undefined,
    retryAfter: seconds(headers.get("retry-after")) ?? seconds(facts.retry_after),
  });
}

function codeOf(status: number, told: string | null): ErrorCode {
  if (status >= 500) return "server";
  if (told === "csrf_failed") return "csrf";
  return told ?? BY_STATUS[status] ?? "invalid";
}

/** `Retry-After` counts seconds or names a time. */
function seconds(told: unknown): number | null {
  const count = Number(told ?? Number.NaN);
  const left = Number.isNaN(count) ? (Date.parse(`${told}`) - Date.now()) / 1_000 : count;
  return Number.isNaN(left) ? null : Math.max(0, Math.ceil(left));
}

/** Whether it is the session that was refused, by what the answer says itself: a proxy's 401 is not ours. */
export function isOurs({ status, facts }: SessionError): boolean {
  return status === 401 && OF_SESSION.test(`${facts.code}`);
}

let tries = 0;

/**
 * A part that comes later could not be had, says *cause*. Browsers remember that of its address (HTML, "fetch a single
 * module script"), so it is asked for by another one, which *cause* ends with where it matters.
 */
// biome-ignore lint/suspicious/noExplicitAny: whatever is in that part
export async function anew(cause: any): Promise<any> {
  try {
    return await import(
      /* @vite-ignore */ /* webpackIgnore: true */ `${/http.*/.exec(cause.message)}?${++tries}`
    );
  } catch {
    throw new SessionError("network", { cause });
  }
}
