/** Times as people read them. */
import { describe, expect, test } from "vitest";
import { absolute, duration, isActive, relative, tick } from "../../src/client/format.ts";

const NOW = Date.UTC(2025, 10, 8, 12);
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe("relative", () => {
  test.each([
    [-30 * SECOND, "30 seconds ago"],
    [-119 * SECOND, "1 minute ago"],
    [-59.9 * MINUTE, "59 minutes ago"],
    [-2.9 * HOUR, "2 hours ago"],
    [-DAY, "yesterday"],
    [-6.9 * DAY, "6 days ago"],
    [-40 * DAY, "last month"],
    [-800 * DAY, "2 years ago"],
    [0, "now"],
    [3 * DAY, "in 3 days"],
  ])("%i ms away: %s", (distance, text) => {
    expect(relative(NOW + distance, NOW, "en")).toBe(text);
  });

  test("takes what the server sends", () => {
    expect(relative("2025-11-08T10:00:00.000Z", NOW, "en")).toBe("2 hours ago");
  });

  test("speaks other languages", () => {
    expect(relative(NOW - 2 * HOUR, NOW, "de")).toBe("vor 2 Stunden");
  });
});

describe("duration", () => {
  test.each([
    [6 * DAY - SECOND, "5 days, 23 hr"],
    [5 * DAY, "5 days"],
    [DAY, "1 day"],
    [DAY - SECOND, "23 hr, 59 min"],
    [2 * HOUR, "2 hr"],
    [HOUR - SECOND, "59 min"],
    [10 * MINUTE, "10 min"],
    [10 * MINUTE - SECOND, "9 min, 59 sec"],
    [MINUTE, "1 min"],
    [59.9 * SECOND, "59 sec"],
    [0, "0 sec"],
    [-MINUTE, "0 sec"],
  ])("%i ms: %s", (length, text) => {
    expect(duration(length, "en")).toBe(text);
  });

  test("speaks other languages", () => {
    expect(duration(5 * DAY + 23 * HOUR, "de")).toBe("5 Tg., 23 Std.");
  });
});

test("active is who was here less than two minutes ago", () => {
  expect([isActive(NOW - 2 * MINUTE + 1, NOW), isActive(NOW - 2 * MINUTE, NOW)]).toEqual([true, false]);
});

test("a date names day and time in the zone that is asked for", () => {
  expect(absolute("2025-11-08T17:45:00.000Z", "en-GB", "America/New_York")).toBe("8 Nov 2025, 12:45");
});

test("a text is written again as often as it can change", () => {
  expect([5 * MINUTE, -30 * MINUTE, 2 * HOUR].map(tick)).toEqual([SECOND, 15 * SECOND, MINUTE]);
});
