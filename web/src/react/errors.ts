/** What to say about a failure; only its code decides. */

import type { MessageKey, Translate } from "./messages";

interface Failure {
  code?: string;
  status?: number;
  message?: string;
  /** Seconds. */
  retryAfter?: number;
  requestId?: string;
  methods?: string[];
}

export const asFailure = (error: unknown): Failure => (error ?? {}) as Failure;
export const codeOf = (error: unknown): string => asFailure(error).code ?? "server";

/** Nobody is signed in (any more): the dialog says so, not each of those who were refused. */
export const isOver = (error: unknown): boolean =>
  asFailure(error).status === 401 && codeOf(error) !== "invalid_credentials";

/** Codes that people need not tell apart. */
const SAME: Record<string, string> = {
  csrf_failed: "csrf",
  session_changed: "csrf",
  session_expired: "unauthenticated",
  session_revoked: "unauthenticated",
  unavailable: "server",
};

export function sentence(t: Translate, error: unknown): string {
  const { code, status = 0, message, retryAfter } = asFailure(error);
  const count = code === "rate_limited" && retryAfter ? Math.ceil(retryAfter) : 0;
  const key = `error.${SAME[code ?? ""] ?? code}${count ? "_for" : ""}` as MessageKey;
  const said = t(key, { left: t("time.seconds", { count }) });
  if (said !== key) return said; // English has the words of the error itself
  return (code && status < 500 && message) || t("error.server"); // what has no code was not meant for people
}

/** Trying again by itself helps against none of these. */
const FINAL = new Set([400, 401, 403, 404, 409, 422, 429]);

export const retry = (failures: number, error: unknown): boolean =>
  failures < 2 && !FINAL.has(asFailure(error).status ?? 0) && codeOf(error) !== "aborted";
