/** Lengths of time in the words of the catalogue. */

import { SECOND, UNITS, type Unit } from "./format";
import type { Translate } from "./messages";

/** "15 minutes", "30 days": a limit, rounded down to its largest unit that says it. */
export function span(t: Translate, ms: number): string {
  const fits = ([, size]: [Unit, number]) => ms >= size && (ms % size === 0 || ms >= 2 * size);
  const [unit, size] = UNITS.find(fits) ?? ["seconds", SECOND];
  return t(`time.${unit}`, { count: Math.floor(ms / size) });
}

/** "1:58" */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / SECOND));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
