/** Times in the words of the catalogue, the same that the server writes into its pages. */

import type { MessageKey, Translate } from "./messages";

export const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export type Unit = "days" | "hours" | "minutes" | "seconds";
export const UNITS: [Unit, number][] = [
  ["days", DAY],
  ["hours", HOUR],
  ["minutes", MINUTE],
  ["seconds", SECOND],
];

/** "5 days, 23 hours": two units, so that a week does not read as six days a second after it began. */
export function left(t: Translate, ms: number): string {
  if (ms < SECOND) return t("time.moment");
  const at = UNITS.findIndex(([, size]) => ms >= size);
  const [unit, size] = UNITS[at] as [Unit, number];
  const large = t(`time.${unit}`, { count: Math.floor(ms / size) });
  const [part, small] = UNITS[at + 1] ?? [];
  // Seconds only where they matter: what changes each second is hard to read.
  if (!part || !small || (part === "seconds" && ms >= 10 * MINUTE)) return large;
  const rest = Math.floor((ms % size) / small);
  return rest ? t("time.two", { large, small: t(`time.${part}`, { count: rest }) }) : large;
}

/** "2 hours ago"; null below two minutes: activity is written at most once in one. */
export function ago(t: Translate, ms: number): string | null {
  if (ms < 2 * MINUTE) return null;
  const [unit, size] = UNITS.find(([, size]) => ms >= size) as [Unit, number];
  return t(`ago.${unit}` as MessageKey, { count: Math.floor(ms / size) });
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** One for all that is written alike: making one takes longer than a row of the list. */
function format(locale: string, style: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale} ${style.dateStyle} ${style.timeStyle}`;
  const found = formats.get(key) ?? new Intl.DateTimeFormat(locale, style);
  formats.set(key, found);
  return found;
}

export const date = (locale: string, at: number): string =>
  format(locale, { dateStyle: "medium", timeStyle: "short" }).format(at);

export const timeOfDay = (locale: string, at: number, style: "short" | "medium" = "medium"): string =>
  format(locale, { timeStyle: style }).format(at);

/** How often words about a time *distance* ms away can change. */
export function period(distance: number): number {
  if (distance > 0 && distance < 10 * MINUTE + SECOND) return SECOND; // to come, and in seconds
  return Math.abs(distance) < HOUR ? 15 * SECOND : MINUTE;
}
