/** Over which time charts go, and in which steps. */

import type { Step } from "./wire";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const STEPS: Record<Step, number> = { minute: MINUTE, hour: HOUR, day: DAY };

export interface Range {
  name: string;
  words: string;
  before: string;
  length: number;
  step: Step;
  /** How often its charts are asked for. */
  every: number;
}

export const RANGES: Range[] = [
  {
    name: "1h",
    words: "Last hour",
    before: "the hour before",
    length: HOUR,
    step: "minute",
    every: 10_000,
  },
  {
    name: "24h",
    words: "Last 24 hours",
    before: "the day before",
    length: DAY,
    step: "hour",
    every: 30_000,
  },
  {
    name: "7d",
    words: "Last 7 days",
    before: "the week before",
    length: 7 * DAY,
    step: "hour",
    every: 60_000,
  },
  {
    name: "30d",
    words: "Last 30 days",
    before: "the 30 days before",
    length: 30 * DAY,
    step: "day",
    every: 60_000,
  },
];

const USUAL = RANGES[1] as Range;

export const rangeOf = (name: string | null): Range => RANGES.find((one) => one.name === name) ?? USUAL;

/** The steps up to now, the last of which is not over yet. */
export function spanOf({ length, step }: Range, now: number): { from: string; to: string } {
  const to = Math.ceil(now / STEPS[step]) * STEPS[step];
  return { from: new Date(to - length).toISOString(), to: new Date(now).toISOString() };
}
