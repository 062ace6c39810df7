/** Bearer mode: the same laws, with tokens in storage. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { createSessionClient, type SessionError } from "../../src/client/index.ts";
import type { SessionClient, SessionClientOptions } from "../../src/client/types.ts";
import { close, happen, open, pass } from "./browser.ts";
import { Server } from "./server.ts";

let server: Server;
const stops: (() => void)[] = [];
const ada = { email: "ada@example.org", password: "right" };

async function opened(options: SessionClientOptions = {}): Promise<SessionClient> {
  const client = createSessionClient({
    fetch: server.fetch,
    mode: "bearer",
    push: false,
    activity: false,
    ...options,
  });
  stops.push(client.start());
  await pass(10);
  return client;
}

const kept = () => JSON.parse(localStorage.getItem("sojourn") ?? "null");

beforeEach(() => {
  open();
  server = new Server();
});
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
  close();
});

test("a sign-in keeps the tokens and what the hint would say", async () => {
  const client = await opened();
  await client.signIn(ada);
  expect(server.of("/sign-in")[0]?.body).toEqual({ ...ada, mode: "bearer" });
  expect(kept()).toMatchObject({ generation: 1, access: "access-1", refresh: "refresh-1", user: "ada" });
});

test("requests carry the access token", async () => {
  const client = await opened();
  await client.signIn(ada);
  await client.request("/data");
  expect(server.of("/data")[0]?.headers.get("authorization")).toBe("Bearer access-1");
});

test("requests elsewhere do not", async () => {
  const client = await opened();
  await client.signIn(ada);
  await client.fetch("https://elsewhere.example/data");
  expect(server.of("/data")[0]?.headers.has("authorization")).toBe(false);
});

test("what the caller says of its own is left alone", async () => {
  const client = await opened();
  await client.signIn(ada);
  await client.fetch("/data", { headers: { authorization: "Basic x" } });
  expect(server.of("/data")[0]?.headers.get("authorization")).toBe("Basic x");
});

test("an access token that is too old is refreshed with the other one, once for all tabs", async () => {
  const [one, two] = [await opened(), await opened()];
  await one.signIn(ada);
  await pass(100);
  server.age();
  server.latency = 50;
  const all = Promise.all([one.request("/data"), two.request("/data"), two.request("/data")]);
  await pass(1_000);
  await all;
  expect(server.of("/refresh").map((call) => call.body)).toEqual([{ refresh_token: "refresh-1" }]);
  expect(server.of("/refresh")[0]?.headers.has("authorization")).toBe(false);
  expect(kept()).toMatchObject({ generation: 2, access: "access-2", refresh: "refresh-2" });
});

test("a page that is opened later goes on with them", async () => {
  await (await opened()).signIn(ada);
  const later = await opened();
  expect(later.getState()).toMatchObject({ status: "signedIn", user: { id: "ada" } });
});

test("a sign-out names its token and forgets both, in every tab", async () => {
  const [one, two] = [await opened(), await opened()];
  await one.signIn(ada);
  await pass(100);
  await one.signOut();
  await pass(100);
  expect(server.of("/sign-out")[0]?.body).toEqual({ refresh_token: "refresh-1" });
  expect(kept()).toBeNull();
  expect(two.getState().status).toBe("signedOut");
});

test("an end forgets them", async () => {
  const client = await opened();
  await client.signIn(ada);
  await pass(10);
  server.end("session_expired", { reason: "idle" });
  await client.request("/data").catch((error: SessionError) => error);
  expect(client.getState().status).toBe("expired");
  expect(kept()).toBeNull();
});

test("an end that may be taken back does not", async () => {
  const client = await opened();
  await client.signIn(ada);
  await pass(10);
  server.end("session_revoked", { reason: "user" });
  await client.request("/data").catch((error: SessionError) => error);
  expect(kept()).not.toBeNull();
});

test("a renewal's tokens are kept", async () => {
  const client = await opened();
  await client.signIn(ada);
  server.generation = 5;
  const renewed = { ...server.current(), ...server.tokens() };
  server.answers.set("POST /reauthenticate", () => new Response(JSON.stringify(renewed)));
  await client.reauthenticate({ password: "right" });
  expect(kept()).toMatchObject({ generation: 2, access: "access-5" });
});

test("a renewal's tokens are kept after a refresh on the way, too", async () => {
  const client = await opened();
  await client.signIn(ada);
  server.age();
  server.answers.set("POST /reauthenticate", () => {
    if (server.count("/reauthenticate") === 1) return undefined;
    server.generation = 7;
    return new Response(JSON.stringify({ ...server.current(), ...server.tokens() }));
  });
  await client.reauthenticate({ password: "right" });
  expect(kept().access).toBe("access-7");
});

test("the answer of a refresh that came late does not replace newer tokens", async () => {
  const client = await opened();
  await client.signIn(ada);
  server.answers.set("POST /refresh", () => {
    const late = { ...server.current(), ...server.tokens() };
    localStorage.setItem("sojourn", JSON.stringify({ ...kept(), generation: 9, access: "access-9" }));
    return new Response(JSON.stringify(late));
  });
  await client.refresh();
  expect(kept().access).toBe("access-9");
});

test("the storage event says that something changed", async () => {
  const client = await opened();
  expect(client.getState().status).toBe("signedOut");
  const other = createSessionClient({ fetch: server.fetch, mode: "bearer", channel: "other" });
  await other.signIn(ada);
  localStorage.setItem("sojourn", localStorage.getItem("other") as string);
  happen(window, "storage", { key: "sojourn" });
  await pass(10);
  expect(client.getState().status).toBe("signedIn");
});

test("storage that is full or forbidden is not needed by one tab", async () => {
  const storage = {
    getItem: () => null,
    removeItem() {},
    setItem() {
      throw new DOMException("full", "QuotaExceededError");
    },
  } as unknown as Storage;
  const client = await opened({ storage });
  await client.signIn(ada);
  server.age();
  await client.request("/data");
  expect(server.of("/data").at(-1)?.headers.get("authorization")).toBe("Bearer access-2");
});

test("what somebody else left in storage is no session", async () => {
  localStorage.setItem("sojourn", "{broken");
  const client = await opened();
  expect(client.getState().status).toBe("signedOut");
});

test("cookie mode keeps nothing in storage", async () => {
  const client = await opened({ mode: "cookie" });
  await client.signIn(ada);
  await client.refresh();
  await client.extend();
  expect(localStorage.length).toBe(0);
});
