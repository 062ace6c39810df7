/** What charts are made of: numbers added up, and never nothing where it is not known. */

import type { Histogram, Point, Series } from "./wire";

export type Known = number | null;

/** All labels of *point* together; null if nothing is known of any. */
export function sumOf(point: Point): Known {
  const known = Object.values(point.values).filter((value) => value !== null);
  return known.length ? known.reduce((sum, value) => sum + value, 0) : null;
}

export const sums = (points: Point[] = []): Known[] => points.map(sumOf);

export const column = (points: Point[], label: string): Known[] =>
  points.map(({ values }) => values[label] ?? null);

/** Refreshes that gave the client what it came for; "twin" and "lost_answer" are repeats that were forgiven. */
const GOOD = new Set(["rotated", "twin", "lost_answer"]);

export const isGood = (verdict: string): boolean => GOOD.has(verdict);

/** In percent; null where nothing was refreshed. */
export function rateOf(point: Point): Known {
  const known = Object.entries(point.values).flatMap(([label, value]) =>
    value === null ? [] : [[isGood(label), value] as const],
  );
  const all = known.reduce((sum, [, value]) => sum + value, 0);
  const good = known.reduce((sum, [fine, value]) => sum + (fine ? value : 0), 0);
  return all ? (100 * good) / all : null;
}

export interface Share {
  label: string;
  count: number;
}

/** How much of the whole time each label has, the most first; what never came is left out. */
export function shares({ labels, points }: Pick<Series, "labels" | "points">): Share[] {
  const counts = labels.map((label) => ({
    label,
    count: points.reduce((sum, { values }) => sum + (values[label] ?? 0), 0),
  }));
  return counts.filter(({ count }) => count).sort((a, b) => b.count - a.count);
}

export const total = (values: Known[]): number =>
  values.reduce<number>((sum, value) => sum + (value ?? 0), 0);

/** In percent; null if there is nothing to compare with. */
export function changeOf(now: Known, before: Known): Known {
  return now === null || !before ? null : Math.round((100 * (now - before)) / before);
}

/** Where the middle of all lies: the bucket of the one in the middle. */
export function middle({ buckets }: Pick<Histogram, "buckets">): number {
  const all = buckets.reduce((sum, { count }) => sum + count, 0);
  let seen = 0;
  return buckets.findIndex(({ count }) => {
    seen += count;
    return all > 0 && seen * 2 >= all;
  });
}
