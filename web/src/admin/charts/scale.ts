/** Where numbers and moments lie on a drawing. */

/** Round numbers from *least* to *most*, about *count* of them; they hold both. */
export function ticks(least: number, most: number, count = 4): number[] {
  const room = most - least || 1;
  const rough = room / count;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5].find((factor) => factor * size >= rough) ?? 10) * size;
  const first = Math.floor(least / step);
  const last = Math.max(Math.ceil(most / step), first + 1);
  return Array.from({ length: last - first + 1 }, (_, index) => round((first + index) * step));
}

/** Whole numbers for what is counted: there is no half a session. */
export function wholeTicks(most: number, count = 4): number[] {
  return ticks(0, Math.max(most, count), count).filter(Number.isInteger);
}

/** 0.30000000000000004 is no label. */
const round = (value: number): number => Number(value.toPrecision(12));

/** Indices of about *count* of *length* points, the same way apart. */
export function some(length: number, count: number): number[] {
  const step = Math.max(1, Math.ceil(length / count));
  const last = length - 1;
  return Array.from({ length: Math.ceil(length / step) }, (_, index) => last - index * step).reverse();
}

/** Runs of what is known: a gap ends a line, it does not lead through it. */
export function runs<T>(values: readonly (T | null)[]): [number, T][][] {
  const found: [number, T][][] = [];
  let open: [number, T][] | null = null;
  values.forEach((value, index) => {
    if (value === null) {
      open = null;
      return;
    }
    if (!open) {
      open = [];
      found.push(open);
    }
    open.push([index, value]);
  });
  return found;
}
