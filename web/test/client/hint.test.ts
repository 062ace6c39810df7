/** The hint cookie and the server's clock. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { createClock, readCookie } from "../../src/client/hint.ts";
import { close, open, pass } from "./browser.ts";

beforeEach(open);
afterEach(close);

const VALUE = "v1.7.1762603200000.1765195200000.1762602300000.dXNlcl90YWc.c2Vzc190YWc";
const HINT = {
  generation: 7,
  idleEnd: 1762603200000,
  end: 1765195200000,
  serverNow: 1762602300000,
  user: "dXNlcl90YWc",
  session: "c2Vzc190YWc",
};

test("a hint says generation, ends, time and tags", () => {
  expect(readCookie(`sojourn-hint=${VALUE}`)).toEqual(HINT);
});

test("a hint is found among other cookies", () => {
  expect(readCookie(`a=1; sojourn-hint=${VALUE}; b=2`)).toEqual(HINT);
});

test("the hint of https is found by its prefix", () => {
  expect(readCookie(`__Host-sojourn-hint=${VALUE}`)).toEqual(HINT);
});

test("of two hints the one that no other host can set counts", () => {
  const other = VALUE.replace("v1.7.", "v1.9.");
  expect(readCookie(`sojourn-hint=${other}; __Host-sojourn-hint=${VALUE}`)?.generation).toBe(7);
});

test("a session without an idle end has none in its hint", () => {
  expect(readCookie(`sojourn-hint=${VALUE.replace("1762603200000", "-")}`)?.idleEnd).toBeNull();
});

test.each([
  "",
  "sojourn-hint=",
  "sojourn-hint=v2.7.1.2.3.a.b",
  "sojourn-hint=v1.x.1.2.3.a.b",
  "sojourn-hint=v1.7.1.2.3.a",
  "sojourn-hint=v1.7.1.2.3.a.b.c",
  `my-sojourn-hint=${VALUE}`,
])("%j is no hint", (cookies) => {
  expect(readCookie(cookies)).toBeNull();
});

test("a clock that was told nothing is the client's", () => {
  expect(createClock().now()).toBe(Date.now());
});

test("an answer's time is half a round trip old", async () => {
  const clock = createClock();
  const sent = Date.now();
  await pass(200);
  clock.learn(sent + 5_100, sent, 3);
  expect(clock.now()).toBe(Date.now() + 5_000);
});

test("a better source is not overruled by a worse one", () => {
  const clock = createClock();
  clock.learn(Date.now() + 5_000, Date.now(), 3);
  clock.learn(Date.now() + 9_000, Date.now(), 1);
  expect(clock.now()).toBe(Date.now() + 5_000);
});

test("an answer that was long on its way counts only while nothing better is known", async () => {
  const clock = createClock();
  const sent = Date.now();
  await pass(60_000);
  clock.learn(sent + 5_000, sent, 3);
  expect(clock.now()).toBe(sent + 35_000);
  clock.learn(Date.now() + 7_000, Date.now(), 1);
  expect(clock.now()).toBe(Date.now() + 7_000);
  clock.learn(sent + 5_000, sent, 3);
  expect(clock.now()).toBe(Date.now() + 7_000);
});

test("what is no time teaches nothing", () => {
  const clock = createClock();
  clock.learn(Number.NaN, Date.now(), 3);
  expect(clock.now()).toBe(Date.now());
});
