/** The event stream: one connection, told in every tab, and never needed. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createSessionClient } from "../../src/client/index.ts";
import { parser } from "../../src/client/stream.ts";
import type { SessionClient, SessionClientOptions, SessionEvents } from "../../src/client/types.ts";
import { browser, close, happen, open, pass, show } from "./browser.ts";
import { json, MINUTE, problem, Server } from "./server.ts";

let server: Server;
const stops: (() => void)[] = [];

async function opened(options: SessionClientOptions = {}): Promise<SessionClient> {
  const client = createSessionClient({ fetch: server.fetch, activity: false, ...options });
  stops.push(client.start());
  await pass(10);
  return client;
}

function heard<E extends keyof SessionEvents>(client: SessionClient, event: E): SessionEvents[E][] {
  const told: SessionEvents[E][] = [];
  client.on(event, (detail) => told.push(detail));
  return told;
}

const connections = () => server.count("/sessions/events");

beforeEach(() => {
  open();
  server = new Server().signIn();
  server.idle = 24 * 60 * MINUTE;
});
afterEach(async () => {
  for (const stop of stops.splice(0)) stop();
  await pass(0);
  close();
});

describe("the connection", () => {
  test("is one for all tabs, and passive", async () => {
    for (let tabs = 0; tabs < 4; tabs++) await opened();
    expect(server.streams).toHaveLength(1);
    expect(connections()).toBe(1);
    expect(server.of("/sessions/events")[0]?.headers.get("x-session-passive")).toBe("1");
  });

  test("is not made by somebody who is signed out", async () => {
    server.clearCookie();
    await opened();
    expect(connections()).toBe(0);
  });

  test("is not made if push is off", async () => {
    await opened({ push: false });
    expect(connections()).toBe(0);
  });

  test("goes to the next tab when its tab is closed", async () => {
    await opened();
    await opened();
    stops.shift()?.();
    await pass(10);
    expect(server.streams).toHaveLength(1);
    expect(connections()).toBe(2);
  });

  test("goes on where it was", async () => {
    await opened();
    server.say("sessions", {}, "v7");
    await pass(0);
    server.streams[0]?.close();
    await pass(2_000);
    expect(server.of("/sessions/events")[1]?.headers.get("last-event-id")).toBe("v7");
  });

  test("goes on where it was in the tab that takes over", async () => {
    await opened();
    await opened();
    server.say("sessions", {}, "v7");
    await pass(10);
    stops.shift()?.();
    await pass(10);
    expect(server.of("/sessions/events")[1]?.headers.get("last-event-id")).toBe("v7");
  });

  test("that cannot be made is tried less and less often", async () => {
    server.answers.set("GET /sessions/events", () => Promise.reject(new TypeError("Failed to fetch")));
    await opened();
    await pass(10 * MINUTE);
    expect(connections()).toBeGreaterThan(8);
    expect(connections()).toBeLessThan(17);
  });

  test("that is turned away comes again when it was told to", async () => {
    server.answers.set("GET /sessions/events", () =>
      problem(429, "rate_limited", {}, { "retry-after": "120" }),
    );
    await opened();
    await pass(119_000);
    expect(connections()).toBe(1);
    await pass(62_000);
    expect(connections()).toBe(2);
  });

  test.each(["9999999", "Infinity", "Fri, 31 Dec 2099 23:59:59 GMT"])(
    "that is put off until %s comes again after an hour, and not at once",
    async (told) => {
      server.answers.set("GET /sessions/events", () =>
        problem(503, "unavailable", {}, { "retry-after": told }),
      );
      await opened();
      await pass(59 * MINUTE);
      expect(connections()).toBe(1);
      await pass(32 * MINUTE);
      expect(connections()).toBe(2);
    },
  );

  test("whose address answers with a page, as a hotel's network does, is tried again after minutes", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0); // else the last look may fall between two connections
    const page = () => new Response("<p>Hello</p>", { headers: { "content-type": "text/html" } });
    server.answers.set("GET /sessions/events", page);
    await opened();
    await pass(4 * MINUTE);
    expect(connections()).toBe(1);
    server.answers.delete("GET /sessions/events");
    await pass(4 * MINUTE);
    expect(connections()).toBeGreaterThan(1);
    expect(server.streams).toHaveLength(1);
  });

  test("that says nothing and ends is tried less and less often", async () => {
    const nothing = () => new Response("", { headers: { "content-type": "text/event-stream" } });
    server.answers.set("GET /sessions/events", nothing);
    await opened();
    await pass(10 * MINUTE);
    expect(connections()).toBeGreaterThan(8);
    expect(connections()).toBeLessThan(17);
  });

  test("that is silent for too long is dead", async () => {
    await opened();
    const [stream] = server.streams;
    await pass(40_000);
    stream?.say(": still here\n\n");
    await pass(40_000);
    expect(connections()).toBe(1);
    await pass(15_000);
    expect(connections()).toBe(2);
  });

  test("that nobody offers is not asked for again", async () => {
    server.answers.set("GET /sessions/events", () => problem(404, "not_found"));
    const client = await opened();
    await pass(10 * MINUTE);
    await client.current();
    await pass(MINUTE);
    expect(connections()).toBe(1);
  });

  test("refreshes like any other request", async () => {
    await opened();
    server.age();
    server.streams[0]?.close();
    await pass(2_500);
    expect(server.streams).toHaveLength(1);
    expect(server.count("/refresh")).toBe(1);
  });

  test("that is refused because the session is over says so", async () => {
    const client = await opened();
    server.end("session_expired", { reason: "absolute" });
    server.streams[0]?.close();
    await pass(2_500);
    expect(client.getState()).toMatchObject({ status: "expired", ending: { reason: "absolute" } });
    await pass(10 * MINUTE);
    expect(connections()).toBe(2);
  });

  test("is given up when the page leaves, and made again when it comes back", async () => {
    await opened();
    happen(window, "pagehide", { persisted: true });
    await pass(10);
    expect(server.streams).toHaveLength(0);
    happen(window, "pageshow", { persisted: true });
    await pass(10);
    expect(server.streams).toHaveLength(1);
  });

  test("is given up when the browser freezes the page", async () => {
    await opened();
    happen(document, "freeze");
    await pass(10);
    expect(server.streams).toHaveLength(0);
    happen(document, "resume");
    await pass(10);
    expect(server.streams).toHaveLength(1);
  });

  test("without locks is made by the tabs that are seen", async () => {
    browser.locks = undefined;
    await opened();
    await pass(2_000);
    expect(server.streams).toHaveLength(1);
    show(false);
    await pass(10);
    expect(server.streams).toHaveLength(0);
    show(true);
    await pass(2_000);
    expect(server.streams).toHaveLength(1);
  });

  test("without locks is not one for each tab either: a browser has six of them in all", async () => {
    browser.locks = undefined;
    let drawn = 0;
    vi.spyOn(Math, "random").mockImplementation(() => (++drawn * 0.37) % 1);
    for (let tabs = 0; tabs < 6; tabs++) await opened();
    await pass(2_500);
    expect(server.streams).toHaveLength(1);
    for (let seconds = 0; seconds < 200; seconds += 20) {
      for (const stream of server.streams) stream.say(": still here\n\n");
      await pass(20_000);
    }
    expect(connections()).toBe(1);
    const late = await opened();
    await pass(3_000);
    expect(connections()).toBe(1);
    late.stop();
    for (let tabs = 0; tabs < 3; tabs++) stops.shift()?.();
    await pass(2 * MINUTE);
    expect(server.streams).toHaveLength(1);
  });

  test("ends with the sign-out", async () => {
    const client = await opened();
    await client.signOut();
    await pass(10);
    expect(server.streams).toHaveLength(0);
  });

  test("is made anew for the session after a sign-in", async () => {
    const client = await opened();
    await client.signIn({ email: "bob@example.org", password: "right" });
    await pass(10);
    expect(server.streams).toHaveLength(1);
    expect(connections()).toBe(2);
  });
});

describe("an event", () => {
  test("sessions: is told in every tab", async () => {
    const all = [await opened(), await opened()];
    const told = all.map((client) => heard(client, "sessions"));
    server.say("hello", { server_now: server.iso(server.now()) });
    server.say("sessions", { server_now: server.iso(server.now()) });
    await pass(10);
    expect(told.map((one) => one.length)).toEqual([1, 1]);
  });

  test("session ended: is believed by the tab that heard it, checked by the others", async () => {
    const all = [await opened(), await opened()];
    const told = all.map((client) => heard(client, "expired"));
    server.end("session_revoked", { reason: "user" });
    server.calls = [];
    server.say("session", { state: "ended", code: "session_revoked", reason: "user", device: "iPhone 13" });
    await pass(2_000);
    const ending = {
      code: "session_revoked",
      reason: "user",
      device: "iPhone 13",
      undoUntil: null,
      limit: null,
    };
    expect(told).toEqual([[ending], [ending]]);
    expect(server.count("/sessions/current")).toBe(1);
  });

  test("session ended for a while, then live again: restored in every tab", async () => {
    const all = [await opened(), await opened()];
    const restored = all.map((client) => heard(client, "restored"));
    const until = server.now() + 10_000;
    server.answers.set("GET /sessions/current", () => problem(401, "session_revoked", { reason: "user" }));
    server.say("session", {
      state: "ended",
      code: "session_revoked",
      reason: "user",
      undo_until: server.iso(until),
    });
    await pass(1_500);
    expect(all.map((client) => client.getState().ending?.undoUntil)).toEqual([until, until]);
    server.answers.clear();
    server.say("session", { state: "live" });
    await pass(100);
    expect(restored.map((one) => one.length)).toEqual([1, 1]);
    expect(all.map((client) => client.getState().status)).toEqual(["signedIn", "signedIn"]);
  });

  test("a hold whose end nobody told is found by looking at the page", async () => {
    const client = await opened();
    const until = server.iso(server.now() + 10_000);
    server.say("session", { state: "ended", code: "session_revoked", reason: "user", undo_until: until });
    await pass(10);
    expect(client.getState().status).toBe("expired");
    server.streams[0]?.close();
    await pass(6_000);
    happen(window, "focus");
    await pass(10);
    expect(client.getState().status).toBe("signedIn");
  });
});

describe("a list from before the stream", () => {
  const list = (version: string | null) => ({
    sessions: [],
    count: 0,
    version,
    server_now: server.iso(server.now()),
  });
  /** What the server's list is from now on. */
  const listed = (version: string | null) => server.answers.set("GET /sessions", () => json(list(version)));
  const hello = (id: string) => server.say("hello", { server_now: server.iso(server.now()) }, id);

  test.each([
    ["that the page was served with", true],
    ["that was fetched", false],
  ])("%s is asked for again if it is another one by then", async (_, served) => {
    listed("v1");
    const client = await opened(served ? { list: list("v1") } : {});
    const told = heard(client, "sessions");
    if (!served) await client.sessions();
    hello("v2");
    await pass(10);
    expect(told).toHaveLength(1);
  });

  test.each(["v1", null, undefined])(
    "served as %s, it is not asked for again for nothing",
    async (version) => {
      const client = await opened(version === undefined ? {} : { list: list(version) });
      const told = heard(client, "sessions");
      hello("v1");
      await pass(10);
      listed(null);
      await client.sessions({ application_id: "shop" });
      listed("v1");
      await client.sessions();
      await pass(10);
      expect(told).toHaveLength(0);
    },
  );

  test("is compared once: whoever comes back with an id is told by the server", async () => {
    const client = await opened({ list: list("v1") });
    const told = heard(client, "sessions");
    hello("v1");
    server.streams[0]?.close();
    await pass(2_000);
    hello("v2");
    await pass(10);
    expect(told).toHaveLength(0);
    server.say("sessions", {}, "v2");
    await pass(10);
    expect(told).toHaveLength(1);
  });

  test("that comes after it began is asked for again, and once", async () => {
    server.answers.set("GET /sessions", async () => {
      await new Promise((done) => setTimeout(done, 1_000));
      return json(list("v1"));
    });
    const client = await opened();
    const told = heard(client, "sessions");
    client.on("sessions", () => void client.sessions()); // and whatever it says, that makes no circle
    const late = [client.sessions(), client.sessions({}, { passive: true })];
    hello("v2");
    await pass(10);
    expect(told).toHaveLength(0);
    await pass(1_000);
    await Promise.all(late);
    await pass(MINUTE);
    expect(told).toHaveLength(1);
    expect(server.count("/sessions")).toBe(3);
  });

  test("that is newer than what was heard is not asked for again", async () => {
    const client = await opened();
    const told = heard(client, "sessions");
    hello("v1");
    await pass(10);
    listed("v2");
    await client.sessions();
    await pass(10);
    expect(told).toHaveLength(0);
  });

  test.each(["with", "without"])("in a tab that comes later, %s locks", async (how) => {
    if (how === "without") browser.locks = undefined;
    await opened({ list: list("v1") });
    await pass(2_000);
    hello("v1");
    const old = list("v1");
    await pass(10);
    server.say("sessions", { server_now: server.iso(server.now()) }, "v2");
    await pass(10);
    // The last one knows more than the stream has said: what ended by time, say, it does not tell.
    const late = [old, list("v2"), list("v3")].map((list) => {
      const client = createSessionClient({ fetch: server.fetch, activity: false, list });
      const told = heard(client, "sessions");
      stops.push(client.start());
      return told;
    });
    await pass(3_000);
    expect(late.map((one) => one.length)).toEqual([1, 0, 0]);
    expect(connections()).toBe(1);
  });
});

describe("the format", () => {
  function parsed(...chunks: string[]): string[][] {
    const told: string[][] = [];
    const feed = parser((...event) => told.push(event));
    for (const chunk of chunks) feed(new TextEncoder().encode(chunk));
    return told;
  }

  test("event, data and id", () => {
    expect(parsed('id: v1\nevent: sessions\ndata: {"a":1}\n\n')).toEqual([["sessions", '{"a":1}', "v1"]]);
  });

  test("comments and retry say nothing", () => {
    expect(parsed("retry: 3000\n\n: still here\n\n")).toEqual([]);
  });

  test("chunks end anywhere", () => {
    const text = "id: v1\nevent: hello\ndata: {}\n\n";
    expect(parsed(...text)).toEqual([["hello", "{}", "v1"]]);
  });

  test("lines end as they like", () => {
    expect(parsed("event: a\r\ndata: 1\r\n\r\nevent: b\rdata: 2\r\r\n")).toEqual([
      ["a", "1", ""],
      ["b", "2", ""],
    ]);
  });

  test("data of several lines is one", () => {
    expect(parsed("event: a\ndata: 1\ndata: 2\n\n")).toEqual([["a", "1\n2", ""]]);
  });

  test("letters that a chunk cuts in two are whole again", () => {
    const told: string[] = [];
    const feed = parser((_, data) => told.push(data));
    for (const byte of new TextEncoder().encode("event: a\ndata: é\n\n")) feed(Uint8Array.of(byte));
    expect(told).toEqual(["é"]);
  });
});
