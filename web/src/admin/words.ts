/** Numbers, moments and codes as administrators read them. The pages for administrators are in English. */

import type { Step } from "./wire";

export const LOCALE = "en-GB";

const whole = new Intl.NumberFormat(LOCALE);
const tenths = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const short = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumFractionDigits: 1 });

export const number = (value: number): string => whole.format(value);
export const compact = (value: number): string => short.format(value);
export const decimal = (value: number): string => tenths.format(value);
export const percent = (value: number): string => `${tenths.format(value)} %`;

export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${number(count)} ${count === 1 ? one : many}`;

const formats = new Map<string, Intl.DateTimeFormat>();

function formatted(at: number, timeZone: string, style: Intl.DateTimeFormatOptions): string {
  const key = `${timeZone} ${JSON.stringify(style)}`;
  const found = formats.get(key) ?? new Intl.DateTimeFormat(LOCALE, { ...style, timeZone });
  formats.set(key, found);
  return found.format(at);
}

const TIME = { hour: "2-digit", minute: "2-digit" } as const;
const DATE = { day: "numeric", month: "short" } as const;

export const clockTime = (at: number, zone: string): string =>
  formatted(at, zone, { ...TIME, second: "2-digit" });

export const dateTime = (at: number, zone: string): string =>
  formatted(at, zone, { dateStyle: "medium", timeStyle: "short" });

/** Under an axis, where there is little room. */
export function tick(at: number, step: Step, length: number, zone: string): string {
  return formatted(at, zone, step === "day" || length > 2 * 86_400_000 ? DATE : TIME);
}

/** Of a point, in full. */
export function moment(at: number, step: Step, zone: string): string {
  return formatted(at, zone, step === "day" ? { ...DATE, weekday: "short" } : { ...DATE, ...TIME });
}

/** "15 min", "4 h", "30 d" */
export function shortSpan(seconds: number): string {
  if (seconds % 86_400 === 0) return `${seconds / 86_400} d`;
  if (seconds % 3600 === 0) return `${seconds / 3600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

/** "-08:00" and the like say less than a city; the reader's own zone is called by its city. */
export const ownZone = (): string => new Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

const REASONS: Record<string, string> = {
  "expired-idle": "Not used for too long",
  "expired-absolute": "Reached its longest time",
  signed_out: "Signed out",
  user: "Signed out from another device",
  replaced: "Replaced by a newer sign-in",
  cap: "Too many devices",
  replay: "A token was used twice",
  password_changed: "Password changed",
  account_disabled: "Account disabled",
  account_deleted: "Account deleted",
  admin: "Revoked by an administrator",
  system: "Ended by the system",
  reported: "“Not me”",
  binding: "Used elsewhere",
};

const VERDICTS: Record<string, string> = {
  rotated: "Refreshed",
  twin: "Two at once, forgiven",
  lost_answer: "Asked again, forgiven",
  replayed: "A token was used twice",
};

const METHODS: Record<string, string> = {
  pwd: "Password",
  otp: "One-time code",
  mfa: "Several factors",
  hwk: "Security key",
  swk: "Passkey",
  pop: "Passkey",
  fed: "Another service",
  other: "Other",
};

/** A code that has no words here is shown as it is, readably. */
export function spelled(code: string): string {
  const said = code.replace(/^refused:/, "Refused: ").replaceAll(/[_-]/g, " ");
  return said.charAt(0).toUpperCase() + said.slice(1);
}

export const reasonOf = (label: string): string => REASONS[label] ?? spelled(label);
export const verdictOf = (label: string): string => VERDICTS[label] ?? spelled(label);
export const methodOf = (label: string): string => METHODS[label] ?? spelled(label);

export const WHYS = {
  lost_device: "Lost device",
  suspicious: "Suspicious",
  offboarding: "Offboarding",
  other: "Other",
} as const;

export const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] as const;
export const LONG_DAYS = [
  "Monday",
  "Tuesday",
  "Wednesday",
  "Thursday",
  "Friday",
  "Saturday",
  "Sunday",
] as const;

const regions = new Intl.DisplayNames(LOCALE, { type: "region", fallback: "code" });

/** "Germany"; what is no code of a country stays as it is. */
export function country(code: string): string {
  try {
    return regions.of(code.toUpperCase()) ?? code;
  } catch {
    return code;
  }
}
