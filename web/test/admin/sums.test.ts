import { describe, expect, test } from "vitest";
import { rangeOf, spanOf } from "../../src/admin/ranges";
import { changeOf, column, middle, rateOf, shares, sumOf, sums, total } from "../../src/admin/sums";
import { counted, country, reasonOf, shortSpan, spelled, verdictOf } from "../../src/admin/words";
import { DURATIONS, points, seriesOf } from "./server";

describe("sums", () => {
  test("labels are added up, and what nobody knows stays unknown", () => {
    const found = points({ a: 2, b: 3 }, { a: null, b: null }, null, { a: 0, b: null });
    expect(sums(found)).toEqual([5, null, null, 0]);
    expect(total(sums(found))).toBe(5);
    expect(column(found, "b")).toEqual([3, null, null, null]);
  });

  test("a rate of nothing is no rate", () => {
    const [mixed, none, unknown] = points({ rotated: 96, twin: 2, replayed: 2 }, { rotated: 0 }, null);
    expect(rateOf(mixed as never)).toBe(98);
    expect(rateOf(none as never)).toBeNull();
    expect(rateOf(unknown as never)).toBeNull();
    expect(sumOf(unknown as never)).toBeNull();
  });

  test("shares are those of the whole time, the most first, without what never came", () => {
    const found = shares(seriesOf("ended", points({ a: 1, b: 4, c: 0 }, { a: 2, b: null, c: 0 })));
    expect(found).toEqual([
      { label: "b", count: 4 },
      { label: "a", count: 3 },
    ]);
  });

  test("a change needs something to compare with", () => {
    expect(changeOf(318, 284)).toBe(12);
    expect(changeOf(0, 10)).toBe(-100);
    expect(changeOf(5, 0)).toBeNull();
    expect(changeOf(null, 5)).toBeNull();
  });

  test("the middle is the bucket of the one in the middle", () => {
    expect(middle(DURATIONS)).toBe(1);
    expect(middle({ buckets: [{ up_to: 1, count: 0 }] })).toBe(-1);
  });
});

describe("ranges", () => {
  test("a range goes over whole steps, up to now", () => {
    const now = Date.parse("2025-11-08T17:45:10.000Z");
    expect(spanOf(rangeOf("24h"), now)).toEqual({
      from: "2025-11-07T18:00:00.000Z",
      to: "2025-11-08T17:45:10.000Z",
    });
    expect(rangeOf("nonsense").name).toBe("24h");
    expect(rangeOf(null).name).toBe("24h");
  });
});

describe("words", () => {
  test("codes that nobody has words for are readable all the same", () => {
    expect(spelled("refused:session_expired")).toBe("Refused: session expired");
    expect(reasonOf("signed_out")).toBe("Signed out");
    expect(reasonOf("some-new_reason")).toBe("Some new reason");
    expect(verdictOf("lost_answer")).toBe("Asked again, forgiven");
  });

  test("counts, lengths and countries", () => {
    expect(counted(1, "session")).toBe("1 session");
    expect(counted(1284, "session")).toBe("1,284 sessions");
    expect([60, 3600, 86_400, 90, 5400].map(shortSpan)).toEqual(["1 min", "1 h", "1 d", "90 s", "90 min"]);
    expect(country("de")).toBe("Germany");
    expect(country("not a code")).toBe("not a code");
  });
});
