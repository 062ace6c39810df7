import { QueryObserver } from "@tanstack/react-query";
import { afterEach, expect, test, vi } from "vitest";
import { type Boot, pageTime, readBoot, seededCache } from "../../src/pages/boot";
import { keys } from "../../src/react";
import { BOOT } from "./server";

afterEach(() => document.body.replaceChildren());

function write(boot: Boot): void {
  const block = document.createElement("script");
  Object.assign(block, { type: "application/json", id: "sojourn-boot", textContent: JSON.stringify(boot) });
  document.body.append(block);
}

test("a page without a boot block has none", () => {
  expect(readBoot(document)).toBeNull();
});

test("the boot block is read as it was written", () => {
  const hostile = { ...BOOT, login_url: "/sign-in?next=</script><b>\u2028" };
  write(hostile);
  expect(readBoot(document)).toEqual(hostile);
});

test("what the page brought is in the cache, as old as the page", () => {
  const cache = seededCache(BOOT, 1234);
  const seeded = [keys.sessions(), keys.history(), keys.session(), keys.preferences()];
  expect(seeded.map((key) => cache.getQueryData(key))).toEqual([
    BOOT.sessions,
    BOOT.history,
    BOOT.current,
    BOOT.preferences,
  ]);
  expect(seeded.map((key) => cache.getQueryState(key)?.dataUpdatedAt)).toEqual([1234, 1234, 1234, 1234]);
});

test("what the page did not bring is not pretended", () => {
  const cache = seededCache({ ...BOOT, history: null }, 1234);
  expect(cache.getQueryState(keys.history())).toBeUndefined();
});

test("what the page brought is not asked for again while it is fresh", () => {
  const queryFn = vi.fn();
  const cache = seededCache(BOOT, Date.now());
  const observer = new QueryObserver(cache, { queryKey: keys.sessions(), queryFn, staleTime: 5000 });
  const stop = observer.subscribe(() => {});
  expect(observer.getCurrentResult().data).toEqual(BOOT.sessions);
  expect(queryFn).not.toHaveBeenCalled();
  stop();
});

test("a page's data are as old as its response", () => {
  const entry = { responseStart: 250 } as PerformanceNavigationTiming;
  vi.spyOn(performance, "getEntriesByType").mockReturnValue([entry]);
  expect(pageTime()).toBe(Math.round(performance.timeOrigin + 250));
});

test("a browser that does not say when the response came has it now", () => {
  vi.spyOn(performance, "getEntriesByType").mockReturnValue([]);
  vi.spyOn(Date, "now").mockReturnValue(42);
  expect(pageTime()).toBe(42);
});
