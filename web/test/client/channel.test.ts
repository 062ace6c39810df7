/** The line between the tabs, and what stands in for it where there is none. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { listen, type Message } from "../../src/client/channel.ts";
import { type Core, post } from "../../src/client/core.ts";
import { createScope } from "../../src/client/scope.ts";
import { close, happen, Line, open, pass } from "./browser.ts";

beforeEach(open);
afterEach(close);

const client = (id: number) => ({ id, options: { channel: "x" } }) as Core;

test("a message reaches the others, not its own", async () => {
  const heard: Message[][] = [[], []];
  const scope = createScope();
  heard.forEach((told, id) => {
    listen(client(id), scope, (message) => told.push(message));
  });
  post(client(0), { is: "refreshed" });
  await pass(10);
  expect(heard).toEqual([[], [{ is: "refreshed" }]]);
  scope.close();
});

test("to say something nothing need be open, and nothing stays so", async () => {
  post(client(0), { is: "signedOut" });
  expect(Line.open.size).toBe(0);
});

test("what another program says under the same name is none of ours", async () => {
  const heard: Message[] = [];
  const scope = createScope();
  listen(client(1), scope, (message) => heard.push(message));
  const theirs = new BroadcastChannel("x");
  for (const said of [null, undefined, 7, "logout", {}, { is: "signedOut" }, [], [null, 2], [{ is: 1 }, 2]])
    theirs.postMessage(said);
  await pass(10);
  expect(heard).toEqual([]);
  theirs.close();
  scope.close();
});

test("closed, it hears nothing", async () => {
  const heard: Message[] = [];
  const scope = createScope();
  listen(client(1), scope, (message) => heard.push(message))();
  post(client(0), { is: "refreshed" });
  await pass(10);
  expect(heard).toEqual([]);
  expect(scope.size).toBe(0);
});

test("without BroadcastChannel the storage event carries messages, and nothing stays there", () => {
  vi.stubGlobal("BroadcastChannel", undefined);
  const heard: Message[] = [];
  const scope = createScope();
  listen(client(1), scope, (message) => heard.push(message));
  const written: string[] = [];
  const write = vi.spyOn(Storage.prototype, "setItem").mockImplementation((_, value) => written.push(value));
  post(client(0), { is: "signedOut" });
  post(client(0), { is: "signedOut" });
  write.mockRestore();
  expect(written[0]).not.toBe(written[1]); // an equal value would be no event
  for (const newValue of written) happen(window, "storage", { key: "x:line", newValue });
  happen(window, "storage", { key: "x:line", newValue: null });
  happen(window, "storage", { key: "other", newValue: "1" });
  expect(heard).toEqual([{ is: "signedOut" }, { is: "signedOut" }]);
  expect(localStorage.length).toBe(0);
  scope.close();
});
