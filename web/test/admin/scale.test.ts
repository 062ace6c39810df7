import { expect, test } from "vitest";
import { led } from "../../src/admin/charts/Cursor";
import { levelOf } from "../../src/admin/charts/Heat";
import { runs, some, ticks, wholeTicks } from "../../src/admin/charts/scale";

test("ticks are round, and hold what there is", () => {
  expect(ticks(0, 8)).toEqual([0, 2, 4, 6, 8]);
  expect(ticks(95, 100)).toEqual([94, 96, 98, 100]);
  expect(ticks(0, 0.3)).toEqual([0, 0.1, 0.2, 0.3]);
  expect(ticks(5, 5).length).toBeGreaterThan(1);
});

test("there is no half a session", () => {
  for (const most of [0, 1, 2, 3, 7, 1284]) {
    const marks = wholeTicks(most);
    expect(marks.every(Number.isInteger)).toBe(true);
    expect(marks.at(-1)).toBeGreaterThanOrEqual(most);
    expect(marks[0]).toBe(0);
  }
});

test("labels under an axis end with the last point, and are few", () => {
  expect(some(24, 6)).toEqual([3, 7, 11, 15, 19, 23]);
  expect(some(3, 6)).toEqual([0, 1, 2]);
  expect(some(0, 6)).toEqual([]);
});

test("a gap ends a line", () => {
  expect(runs([1, 2, null, 3, null, null, 4])).toEqual([
    [
      [0, 1],
      [1, 2],
    ],
    [[3, 3]],
    [[6, 4]],
  ]);
});

test("keys lead through points, and not beyond them", () => {
  const along = (key: string, at: number | null) => led(key, at, 24, 24);
  expect(along("ArrowLeft", null)).toBe(22);
  expect(along("ArrowRight", 23)).toBe(23);
  expect(along("ArrowLeft", 0)).toBe(0);
  expect(along("Home", 5)).toBe(0);
  expect(along("End", 5)).toBe(23);
  expect(along("PageUp", 20)).toBe(17);
  expect(along("Escape", 5)).toBeNull();
  expect(along("Tab", 5)).toBeUndefined();
});

test("in a week up and down lead to the same hour of another day", () => {
  expect(led("ArrowUp", 24 + 7, 168, 24)).toBe(7);
  expect(led("ArrowDown", 7, 168, 24)).toBe(31);
});

test("every hour with somebody is to be seen", () => {
  expect([0, 1, 20, 21, 100].map((count) => levelOf(count, 100))).toEqual([0, 1, 1, 2, 5]);
  expect(levelOf(0, 0)).toBe(0);
});
