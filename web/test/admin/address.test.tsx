import { act, renderHook } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { changed, move, useParams } from "../../src/admin/address";
import { spoken, useTyping, whereOf } from "../../src/admin/search";

beforeEach(() => {
  vi.useFakeTimers();
  history.replaceState(null, "", "/admin/sessions");
});

afterEach(() => {
  vi.useRealTimers();
});

test("what is empty does not stand in the address", () => {
  expect(changed("?a=1&b=2", { a: "", c: "3" })).toBe("?b=2&c=3");
  expect(changed("?a=1", { a: null })).toBe("");
});

test("a change can be gone back from, and is seen at once", async () => {
  const shown = renderHook(() => useParams().get("state"));
  act(() => move({ state: "ended" }));
  expect(shown.result.current).toBe("ended");
  act(() => move({ state: "all" }));
  expect(shown.result.current).toBe("all");
  await act(async () => {
    vi.useRealTimers();
    const came = new Promise((done) => addEventListener("popstate", done, { once: true }));
    history.back();
    await came;
  });
  expect(shown.result.current).toBe("ended");
});

test("only what is known is a filter, and a single letter is none", () => {
  expect(whereOf(new URLSearchParams("q=a&country=DE&nonsense=1&after=x"))).toEqual({ country: "DE" });
  expect(whereOf(new URLSearchParams("q=an&state=ended"))).toEqual({ q: "an", state: "ended" });
});

test("filters are said in words", () => {
  const where = { country: "DE", application_id: "crm", kind: "mobile" };
  expect(spoken(where, { crm: "Customers" })).toEqual([
    "in Germany",
    "in the application Customers",
    "on: Phone",
  ]);
});

function typing() {
  return renderHook(() => useTyping("q", useParams()));
}

test("what is typed is in the address after a pause, as one step back", () => {
  const { result } = typing();
  const pushed = vi.spyOn(history, "pushState");
  act(() => result.current.type("a"));
  act(() => vi.advanceTimersByTime(1000));
  expect(location.search).toBe("");
  act(() => result.current.type("an"));
  act(() => vi.advanceTimersByTime(299));
  expect(location.search).toBe("");
  act(() => vi.advanceTimersByTime(1));
  expect(location.search).toBe("?q=an");
  act(() => result.current.type("ana"));
  act(() => vi.advanceTimersByTime(300));
  expect(location.search).toBe("?q=ana");
  expect(pushed).toHaveBeenCalledTimes(1);
});

test("a page forgets where it was when what is searched for is another", () => {
  history.replaceState(null, "", "/admin/sessions?after=x&q=ana");
  const { result } = typing();
  act(() => result.current.type("bob"));
  act(() => result.current.settle());
  expect(location.search).toBe("?q=bob");
});

test("what the address says stands in the field", () => {
  const { result } = typing();
  act(() => move({ q: "from elsewhere" }));
  expect(result.current.text).toBe("from elsewhere");
  act(() => result.current.type(""));
  act(() => result.current.settle());
  expect(location.search).toBe("");
});
