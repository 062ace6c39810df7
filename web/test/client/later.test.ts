/** The parts that come later: what happens if they do not. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createSessionClient, type SessionError } from "../../src/client/index.ts";
import { close, happen, open, pass } from "./browser.ts";
import { Server } from "./server.ts";

let server: Server;
const path = (part: string) => `../../src/client/${part}.ts`;

/** *part* cannot be had, as after a deployment or without a network. */
function lose(part: string): void {
  vi.doMock(path(part), () => {
    throw new TypeError("Failed to fetch dynamically imported module");
  });
}

function find(part: string): void {
  vi.doUnmock(path(part));
  vi.resetModules();
}

beforeEach(() => {
  vi.resetModules();
  open();
  server = new Server().signIn();
});
afterEach(() => {
  for (const part of ["live", "trouble", "bearer"]) vi.doUnmock(path(part));
  close();
});

test("without what watches, it is known who is signed in, and requests work", async () => {
  lose("live");
  const client = createSessionClient({ fetch: server.fetch });
  const stop = client.start();
  await pass(10);
  expect(client.getState()).toMatchObject({ status: "signedIn", warning: null });
  server.age();
  await client.request("/data");
  expect(server.generation).toBe(2);
  stop();
});

test("without what watches, stop leaves nothing open", async () => {
  lose("live");
  const client = createSessionClient({ fetch: server.fetch });
  const stop = client.start();
  await pass(10);
  expect(client.open).toBe(1); // the wish to try again
  stop();
  expect(client.open).toBe(0);
});

test("what watches is asked for again when somebody looks at the page", async () => {
  lose("live");
  const client = createSessionClient({ fetch: server.fetch });
  const stop = client.start();
  await pass(10);
  find("live");
  happen(window, "focus");
  await pass(10);
  expect(client.open).toBeGreaterThan(10);
  stop();
  expect(client.open).toBe(0);
});

test("what refreshes is asked for again by the next request", async () => {
  lose("trouble");
  const client = createSessionClient({ fetch: server.fetch });
  server.age();
  const error = (await client.request("/data").catch((error) => error)) as SessionError;
  expect(error.code).toBe("network");
  expect(client.getState().status).toBe("unknown");
  find("trouble");
  await client.request("/data");
  expect(server.generation).toBe(2);
});

test("what keeps tokens is asked for again by the next request", async () => {
  lose("bearer");
  const client = createSessionClient({ fetch: server.fetch, mode: "bearer" });
  const ada = { email: "ada@example.org", password: "right" };
  const error = (await client.signIn(ada).catch((error) => error)) as SessionError;
  expect(error.code).toBe("network");
  expect(server.calls).toEqual([]);
  find("bearer");
  await client.signIn(ada);
  await client.request("/data");
  expect(server.of("/data")[0]?.headers.get("authorization")).toBe("Bearer access-1");
});
