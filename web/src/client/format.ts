/** Times as people read them, by `Intl` alone. Words that are not numbers are left to the catalogue. */

type Moment = string | number;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const UNITS = [
  ["year", 365 * DAY],
  ["month", 30 * DAY],
  ["day", DAY],
  ["hour", HOUR],
  ["minute", MINUTE],
  ["second", SECOND],
] as const;

const made = new Map<string, unknown>();

/** A formatter costs far more to make than to use, and a list ticks every second. */
function kept<T, O>(
  Kind: new (locale: string | undefined, options: O) => T,
  locale: string | undefined,
  options: O,
): T {
  const key = `${Kind.name} ${locale} ${JSON.stringify(options)}`;
  if (!made.has(key)) made.set(key, new Kind(locale, options));
  return made.get(key) as T;
}

const ms = (at: Moment): number => (typeof at === "number" ? at : Date.parse(at));

/** Whether a session was used so lately that we say "Active now": the server itself does not know better. */
export function isActive(seenAt: Moment, now: number): boolean {
  return now - ms(seenAt) < 2 * MINUTE;
}

/** "2 hours ago", "in 3 days". The past is rounded down. */
export function relative(at: Moment, now: number, locale?: string): string {
  const distance = ms(at) - now;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(distance) >= size) ?? (["second", SECOND] as const);
  return kept(Intl.RelativeTimeFormat, locale, { numeric: "auto" }).format(Math.trunc(distance / size), unit);
}

/**
 * "5 days, 23 hr": days and hours from a day on, hours and minutes below, minutes below an hour,
 * minutes and seconds below ten minutes. Rounded down; what is nothing is not said.
 */
export function duration(length: number, locale?: string): string {
  const left = Math.max(0, length);
  const first = left >= DAY ? 2 : left >= HOUR ? 3 : 4;
  const count = left >= 10 * MINUTE && left < HOUR ? 1 : 2;
  let rest = left;
  const parts = UNITS.slice(first, first + count).flatMap(([unit, size]) => {
    const many = Math.floor(rest / size);
    rest -= many * size;
    return many ? [inUnit(many, unit, locale)] : [];
  });
  const list = kept(Intl.ListFormat, locale, { type: "unit", style: "short" });
  return list.format(parts.length ? parts : [inUnit(0, "second", locale)]);
}

function inUnit(many: number, unit: string, locale?: string): string {
  return kept(Intl.NumberFormat, locale, { style: "unit", unit, unitDisplay: "short" }).format(many);
}

/** "8 Nov 2025, 17:45" in the zone of whoever reads it, or in *timeZone*. */
export function absolute(at: Moment, locale?: string, timeZone?: string): string {
  return kept(Intl.DateTimeFormat, locale, { dateStyle: "medium", timeStyle: "short", timeZone }).format(
    ms(at),
  );
}

/** After how many ms a text about a time so far away has to be written again. */
export function tick(distance: number): number {
  const far = Math.abs(distance);
  return far < 10 * MINUTE ? SECOND : far < HOUR ? 15 * SECOND : MINUTE;
}
