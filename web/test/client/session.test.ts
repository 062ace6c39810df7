/** What is known of the session: endings, sign-ins and sign-outs, here and in other tabs. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createSessionClient, type SessionError } from "../../src/client/index.ts";
import type { SessionClient, SessionClientOptions, SessionEvents } from "../../src/client/types.ts";
import { browser, close, connect, happen, Line, open, pass, setHint, show, sleep } from "./browser.ts";
import { MINUTE, problem, Server } from "./server.ts";

let server: Server;
const clients: SessionClient[] = [];
const stops: (() => void)[] = [];

function tab(options: SessionClientOptions = {}): SessionClient {
  const client = createSessionClient({ fetch: server.fetch, push: false, activity: false, ...options });
  stops.push(client.start());
  clients.push(client);
  return client;
}

async function opened(options: SessionClientOptions = {}): Promise<SessionClient> {
  const client = tab(options);
  await pass(10);
  server.calls = [];
  return client;
}

/** What *client* tells of *event*, as it comes. */
function heard<E extends keyof SessionEvents>(client: SessionClient, event: E): SessionEvents[E][] {
  const told: SessionEvents[E][] = [];
  client.on(event, (detail) => told.push(detail));
  return told;
}

const status = (client: SessionClient) => client.getState().status;

beforeEach(() => {
  open();
  server = new Server().signIn();
});
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
  clients.length = 0;
  close();
});

describe("a page that is opened", () => {
  test("asks once who is signed in", async () => {
    const client = tab();
    await pass(10);
    expect(server.count("/sessions/current")).toBe(1);
    expect(server.calls[0]?.headers.get("x-session-passive")).toBe("1");
    expect(client.getState()).toMatchObject({
      status: "signedIn",
      user: { id: "ada" },
      ending: null,
      warning: null,
    });
  });

  test("shares that question with whoever asks the same", async () => {
    const client = tab();
    await Promise.all([client.current({ passive: true }), pass(10)]);
    expect(server.count("/sessions/current")).toBe(1);
  });

  test("asks nothing if there is no hint of a session", async () => {
    server.clearCookie();
    const client = tab();
    await pass(10);
    expect(server.calls).toEqual([]);
    expect(status(client)).toBe("signedOut");
  });

  test("asks nothing for a visitor's session", async () => {
    setHint(`v1.1.-.${Date.now() + 1e6}.${Date.now()}.-.abc`);
    const client = tab();
    await pass(10);
    expect(server.calls).toEqual([]);
    expect(status(client)).toBe("signedOut");
  });

  test("asks about an API of another origin, whose cookies nobody sees here", async () => {
    server.clearCookie();
    const client = tab({ baseUrl: "https://api.example/api/auth" });
    await pass(1_100);
    expect(server.count("/sessions/current")).toBe(1);
    expect(status(client)).toBe("signedOut");
  });

  test("with a session that has ended meanwhile tells that", async () => {
    server.end("session_expired", { reason: "idle", limit_seconds: 900 });
    const client = tab();
    const told = heard(client, "expired");
    await pass(10);
    expect(told).toEqual([
      { code: "session_expired", reason: "idle", device: null, undoUntil: null, limit: 900 },
    ]);
    expect(status(client)).toBe("expired");
  });

  test("with a session that was signed out in this browser does not complain", async () => {
    server.end("session_revoked", { reason: "signed_out" });
    const client = tab();
    const told = heard(client, "expired");
    await pass(10);
    expect(told).toEqual([]);
    expect(status(client)).toBe("signedOut");
  });
});

describe("the end", () => {
  test("is told once, however many requests fail", async () => {
    const client = await opened();
    const told = heard(client, "expired");
    server.end("session_revoked", { reason: "user", device: "iPhone 13" });
    const all = Array.from({ length: 10 }, () =>
      client.request("/data").catch((error: SessionError) => error.code),
    );
    expect(await Promise.all(all)).toEqual(Array(10).fill("session_revoked"));
    await pass(10);
    expect(told).toEqual([
      { code: "session_revoked", reason: "user", device: "iPhone 13", undoUntil: null, limit: null },
    ]);
    expect(client.getState().ending).toEqual(told[0]);
  });

  test("is never told for a network error", async () => {
    const client = await opened();
    const told = heard(client, "expired");
    server.answers.set("GET /data", () => Promise.reject(new TypeError("Failed to fetch")));
    await client.request("/data").catch(() => {});
    await pass(10);
    expect(told).toEqual([]);
  });

  test("that another tab met is checked, then told here with its reason", async () => {
    const [one, two] = [await opened(), await opened()];
    const told = heard(two, "expired");
    server.end("session_revoked", { reason: "admin" });
    await one.request("/data").catch(() => {});
    server.calls = [];
    await pass(1_500);
    expect(told).toMatchObject([{ code: "session_revoked", reason: "admin" }]);
    expect(server.count("/sessions/current")).toBe(1);
  });

  test("that is only a rumour is not told", async () => {
    const client = await opened();
    const told = heard(client, "expired");
    new Line("sojourn").postMessage([
      { is: "expired", ending: { code: "session_revoked", reason: null } },
      0,
    ]);
    await pass(1_500);
    expect(server.count("/sessions/current")).toBe(1);
    expect(told).toEqual([]);
    expect(status(client)).toBe("signedIn");
  });

  test("unauthenticated with a hint: over; the cookie was lost", async () => {
    const client = await opened();
    server.cookie = null;
    const work = client.request("/data").catch((error: SessionError) => error.code);
    await pass(1_500);
    expect(await work).toBe("unauthenticated");
    expect(client.getState()).toMatchObject({ status: "expired", ending: { code: "unauthenticated" } });
  });

  test("unauthenticated without a hint: signed out", async () => {
    const client = await opened();
    const told = heard(client, "signedOut");
    server.clearCookie();
    const work = client.request("/data").catch(() => {});
    await pass(1_500);
    await work;
    expect(told).toEqual([{ here: false }]);
    expect(status(client)).toBe("signedOut");
  });

  test("unauthenticated after its time: expired, for another tab's answer has taken the cookie", async () => {
    const client = await opened();
    server.clearCookie();
    server.answers.set("GET /sessions/current", () => Promise.reject(new TypeError("Failed to fetch")));
    await pass(16 * MINUTE);
    const work = client.request("/data").catch(() => {});
    await pass(1_500);
    await work;
    expect(client.getState().ending).toMatchObject({ code: "session_expired", reason: "idle", limit: 900 });
  });

  test("unauthenticated for somebody who never signed in: an error, and no event", async () => {
    server.clearCookie();
    const client = await opened();
    const told = [heard(client, "expired"), heard(client, "signedOut")];
    const error = (await client.request("/data").catch((error) => error)) as SessionError;
    await pass(10);
    expect(error.code).toBe("unauthenticated");
    expect(told).toEqual([[], []]);
  });
});

describe("signing in", () => {
  const ada = { email: "ada@example.org", password: "right" };

  test("is known at once, and its limits soon", async () => {
    server.clearCookie();
    const client = await opened();
    const told = heard(client, "signedIn");
    const entered = await client.signIn(ada);
    expect(client.getState()).toMatchObject({ status: "signedIn", user: { id: "ada" } });
    await pass(10);
    expect(entered.user.id).toBe("ada");
    expect(told).toMatchObject([{ user: { id: "ada" }, same: true }]);
    expect(client.getState().limits?.idle_timeout).toBe(900);
  });

  test("again as the same user after the end restores, here", async () => {
    const client = await opened();
    server.end("session_revoked", { reason: "admin" });
    await client.request("/data").catch(() => {});
    const told = heard(client, "restored");
    await client.signIn(ada);
    await pass(10);
    expect(told).toHaveLength(1);
    expect(client.getState().ending).toBeNull();
  });

  test("again as the same user in another tab restores, there", async () => {
    const [one, two] = [await opened(), await opened()];
    server.end("session_revoked", { reason: "admin" });
    await one.request("/data").catch(() => {});
    await pass(1_500);
    const told = heard(two, "restored");
    await one.signIn(ada);
    await pass(100);
    expect(told).toHaveLength(1);
    expect(status(two)).toBe("signedIn");
  });

  test("as somebody else in another tab says so", async () => {
    const [one, two] = [await opened(), await opened()];
    const told = heard(two, "signedIn");
    const restored = heard(two, "restored");
    await one.signIn({ email: "bob@example.org", password: "right" });
    await pass(100);
    expect(told).toMatchObject([{ user: { id: "bob" }, same: false }]);
    expect(restored).toEqual([]);
  });

  test("as somebody else after the end does not restore", async () => {
    const [one, two] = [await opened(), await opened()];
    server.end("session_revoked", { reason: "admin" });
    await one.request("/data").catch(() => {});
    await pass(1_500);
    const restored = [heard(one, "restored"), heard(two, "restored")];
    const told = [heard(one, "signedIn"), heard(two, "signedIn")];
    await one.signIn({ email: "bob@example.org", password: "right" });
    await pass(100);
    expect(restored).toEqual([[], []]);
    expect(told).toMatchObject([[{ same: false }], [{ same: false }]]);
  });

  test("in a tab whose message was lost is found when the page is looked at", async () => {
    const client = await opened();
    server.end("session_revoked", { reason: "admin" });
    await client.request("/data").catch(() => {});
    const told = heard(client, "restored");
    server.signIn("ada", "s2");
    happen(window, "focus");
    await pass(10);
    expect(told).toHaveLength(1);
  });

  test("another end after that is told again", async () => {
    const client = await opened();
    const told = heard(client, "expired");
    for (const reason of ["admin", "cap"]) {
      server.end("session_revoked", { reason });
      await client.request("/data").catch(() => {});
      await client.signIn(ada);
    }
    await pass(10);
    expect(told.map((ending) => ending.reason)).toEqual(["admin", "cap"]);
  });

  test("an answer about the session before counts no more", async () => {
    const client = await opened();
    await pass(MINUTE);
    let answer = (_: Response) => {};
    server.answers.set("GET /sessions/current", () => new Promise((done) => (answer = done)));
    const late = client.current();
    await pass(10);
    const before = server.current();
    await client.signOut();
    answer(new Response(JSON.stringify(before)));
    await late;
    await pass(10);
    expect(status(client)).toBe("signedOut");
  });
});

describe("signing out", () => {
  test("survives the page, and is known at once", async () => {
    const client = await opened();
    const told = heard(client, "signedOut");
    await client.signOut();
    await pass(10);
    expect(server.of("/sign-out")[0]?.init.keepalive).toBe(true);
    expect(client.getState()).toMatchObject({ status: "signedOut", user: null, session: null });
    expect(told).toEqual([{ here: true }]);
  });

  test("is known in the other tabs within a second, without a request", async () => {
    const [one, two] = [await opened(), await opened()];
    const told = heard(two, "signedOut");
    await one.signOut();
    server.calls = [];
    await pass(900);
    expect(told).toEqual([{ here: false }]);
    expect(status(two)).toBe("signedOut");
    expect(server.calls).toEqual([]);
  });

  test("that failed has not happened", async () => {
    const client = await opened();
    server.answers.set("POST /sign-out", () => Promise.reject(new TypeError("Failed to fetch")));
    const error: SessionError = await client.signOut().then(
      () => null,
      (error) => error,
    );
    expect(error.code).toBe("network");
    expect(status(client)).toBe("signedIn");
  });

  test("a request that was under way does not make it an end", async () => {
    const client = await opened();
    const told = heard(client, "expired");
    server.latency = 100;
    const late = client.request("/data").catch(() => {});
    server.end("session_revoked", { reason: "signed_out" });
    server.answers.set("POST /sign-out", () => new Response("{}"));
    const out = client.signOut();
    await pass(500);
    await Promise.all([late, out]);
    expect(told).toEqual([]);
    expect(status(client)).toBe("signedOut");
  });

  test("is told once, although the event stream is faster than the answer", async () => {
    const all = [await opened({ push: true }), await opened({ push: true })] as const;
    const told = all.map((client) => heard(client, "signedOut"));
    const ends = all.map((client) => heard(client, "expired"));
    server.answers.set("POST /sign-out", async () => {
      server.end("session_revoked", { reason: "signed_out" });
      server.say("session", { state: "ended", code: "session_revoked", reason: "signed_out" });
      await new Promise((done) => setTimeout(done, 50));
      return undefined as never;
    });
    const out = all[0].signOut();
    await pass(2_000);
    await out;
    expect(told).toEqual([[{ here: true }], [{ here: false }]]);
    expect(ends).toEqual([[], []]);
  });

  test("is told once, although a poll learns of it before the answer", async () => {
    const client = await opened();
    const told = [heard(client, "signedOut"), heard(client, "expired")];
    server.answers.set("POST /sign-out", async () => {
      server.end("session_revoked", { reason: "signed_out" });
      await new Promise((done) => setTimeout(done, 50));
      return undefined as never;
    });
    const out = client.signOut();
    await pass(10);
    const poll = client.sessions({}, { passive: true }).catch(() => {});
    await pass(100);
    await Promise.all([out, poll]);
    expect(told).toEqual([[{ here: true }], []]);
  });

  test("by revoking the session at hand is one too", async () => {
    const client = await opened();
    server.answers.set("DELETE /sessions/s1", () => new Response('{"id":"s1","undo_until":null}'));
    await client.revoke("s1", { undo: true });
    expect(status(client)).toBe("signedOut");
  });

  test("of another device is none", async () => {
    const client = await opened();
    await client.revoke("s2", { undo: true });
    expect(server.of("/sessions/s2", "DELETE")[0]?.query.get("undo")).toBe("true");
    expect(status(client)).toBe("signedIn");
  });

  test("of everything includes this one only if said", async () => {
    const client = await opened();
    await client.revokeAll();
    expect(status(client)).toBe("signedIn");
    await client.revokeAll({ includeCurrent: true });
    expect(server.of("/sessions/revoke-all").map((call) => call.body)).toEqual([
      { include_current: false },
      { include_current: true },
    ]);
    expect(status(client)).toBe("signedOut");
  });
});

describe("time", () => {
  test("a warning comes before the idle end, after the server was asked", async () => {
    const client = await opened();
    const told = heard(client, "warning");
    await pass(13 * MINUTE - 1_000);
    expect(told).toEqual([]);
    await pass(3_000);
    expect(server.count("/sessions/current")).toBe(1);
    expect(told).toEqual([{ kind: "idle", endsAt: server.ends().idle }]);
    expect(client.getState().warning).toEqual(told[0]);
  });

  test("no warning if the server says that somebody was active elsewhere", async () => {
    const client = await opened();
    const told = heard(client, "warning");
    await pass(12 * MINUTE);
    server.seen = server.now(); // another browser's request; no hint of it here
    await pass(2 * MINUTE);
    expect(server.count("/sessions/current")).toBe(1);
    expect(told).toEqual([]);
  });

  test("no warning while the server cannot be asked", async () => {
    const client = await opened();
    const told = heard(client, "warning");
    server.answers.set("GET /sessions/current", () => problem(503, "unavailable"));
    await pass(14 * MINUTE);
    expect(told).toEqual([]);
    expect(server.count("/sessions/current")).toBeLessThan(15);
  });

  test("the end comes when the server says so", async () => {
    const client = await opened();
    const told = heard(client, "expired");
    await pass(15 * MINUTE - 1_000);
    expect(told).toEqual([]);
    await pass(3_000);
    expect(told).toMatchObject([{ code: "session_expired", reason: "idle", limit: 900 }]);
    expect(client.getState().warning).toBeNull();
  });

  test("an end that the server does not confirm is none", async () => {
    const client = await opened();
    server.idle += 30_000; // it is a little kinder than it says
    await pass(15 * MINUTE + 5_000);
    expect(status(client)).toBe("signedIn");
  });

  test("the final end is warned of too, and activity does not help", async () => {
    server.lifetime = 10 * MINUTE;
    server.signIn();
    const client = await opened();
    await pass(8 * MINUTE + 2_000);
    expect(client.getState().warning).toEqual({ kind: "absolute", endsAt: server.ends().final });
    await client.extend();
    expect(client.getState().warning?.kind).toBe("absolute");
  });

  test("a warning is never shorter than 20 seconds", async () => {
    const client = await opened({ warnBefore: 1_000 });
    await pass(15 * MINUTE - 21_000);
    expect(client.getState().warning).toBeNull();
    await pass(3_000);
    expect(client.getState().warning).not.toBeNull();
  });

  test("a short session is not warned of all its life", async () => {
    server.idle = 60_000;
    server.signIn();
    const client = await opened();
    await pass(20_000);
    expect(client.getState().warning).toBeNull();
    await pass(15_000);
    expect(client.getState().warning).not.toBeNull();
  });

  test("extend() ends the warning, here and in the other tabs", async () => {
    const [one, two] = [await opened(), await opened()];
    await pass(13 * MINUTE + 5_000);
    expect([one.getState().warning?.kind, two.getState().warning?.kind]).toEqual(["idle", "idle"]);
    await one.extend();
    expect(server.of("/activity")[0]?.body).toEqual({ idle_ms: 0 });
    await pass(100);
    expect([one.getState().warning, two.getState().warning]).toEqual([null, null]);
  });

  test("a session without an idle limit is not warned of", async () => {
    server.answers.set("GET /sessions/current", () => {
      const current = server.current();
      current.limits.idle_timeout = null;
      return new Response(JSON.stringify(current));
    });
    const client = await opened();
    await pass(16 * MINUTE);
    expect(client.getState()).toMatchObject({ status: "signedIn", idleEndsAt: null, warning: null });
  });

  test.each([3_600_000, -3_600_000])("a client's clock that is %i ms off changes nothing", async (ahead) => {
    server.ahead = ahead;
    server.signIn();
    const client = await opened();
    expect(Math.abs(client.now() - server.now())).toBeLessThan(2);
    await pass(12 * MINUTE);
    expect(client.getState()).toMatchObject({ status: "signedIn", warning: null });
    expect(server.calls).toEqual([]);
    await pass(62_000);
    expect(client.getState().warning?.kind).toBe("idle");
    expect(server.count("/refresh")).toBe(0);
  });

  test("half the way of an answer is taken off", async () => {
    server.ahead = 10_000;
    server.latency = 400; // all of it on the way there
    server.signIn();
    const client = tab();
    await pass(1_000);
    expect(client.now() - server.now()).toBe(200);
  });

  test("a sleep of eight hours: asked at once, and over", async () => {
    const client = await opened();
    const told = heard(client, "expired");
    sleep(8 * 60 * MINUTE);
    await pass(61_000);
    expect(told).toMatchObject([{ code: "session_expired", reason: "idle" }]);
    expect(server.count("/sessions/current")).toBe(1);
  });

  test("a sleep is noticed by the first look at the page", async () => {
    const client = await opened();
    sleep(8 * 60 * MINUTE);
    happen(window, "focus");
    await pass(10);
    expect(status(client)).toBe("expired");
  });

  test("a clock that was set while the page was open is corrected", async () => {
    const client = await opened();
    const before = server.now();
    sleep(3_600_000);
    server.ahead -= 3_600_000; // the server's did not jump
    await pass(61_000);
    expect(Math.abs(client.now() - server.now())).toBeLessThan(2);
    expect(server.now()).toBeLessThan(before + 2 * MINUTE);
    expect(status(client)).toBe("signedIn");
  });

  test("an answer older than what is known is not believed", async () => {
    const client = await opened();
    const old = server.current();
    await pass(MINUTE);
    await client.extend();
    const { idleEndsAt } = client.getState();
    server.answers.set("GET /sessions/current", () => new Response(JSON.stringify(old)));
    await client.current();
    expect(client.getState().idleEndsAt).toBe(idleEndsAt);
  });
});

describe("looking again", () => {
  test("at a page that could not ask when it was opened", async () => {
    server.answers.set("GET /sessions/current", () => Promise.reject(new TypeError("Failed to fetch")));
    const client = await opened();
    expect(status(client)).toBe("unknown");
    server.answers.clear();
    await pass(MINUTE);
    happen(window, "focus");
    await pass(10);
    expect(status(client)).toBe("signedIn");
  });

  test("once when the page is shown, though three events say so", async () => {
    const client = await opened();
    show(false);
    await pass(MINUTE);
    expect(server.calls).toEqual([]);
    show(true);
    happen(window, "focus");
    happen(window, "pageshow");
    await pass(10);
    expect(server.count("/sessions/current")).toBe(1);
    expect(status(client)).toBe("signedIn");
  });

  test("a hint that another tab's activity has slid ends the warning", async () => {
    const client = await opened();
    await pass(13 * MINUTE + 5_000);
    expect(client.getState().warning).not.toBeNull();
    server.seen = server.now();
    server.setCookie();
    happen(window, "focus");
    await pass(10);
    expect(client.getState().warning).toBeNull();
  });

  test("offline is told; online only after the session was looked at", async () => {
    const client = await opened();
    const told = heard(client, "online");
    connect(false);
    await pass(10);
    expect(client.getState().online).toBe(false);
    await pass(MINUTE);
    server.latency = 100;
    connect(true);
    await pass(50);
    expect(told).toEqual([false]);
    await pass(100);
    expect(told).toEqual([false, true]);
    expect(server.count("/sessions/current")).toBe(1);
  });

  test("online after a failed refresh does not wait for the pause", async () => {
    const client = await opened();
    server.age();
    browser.online = false;
    server.answers.set("POST /refresh", () => Promise.reject(new TypeError("Failed to fetch")));
    await client.request("/data").catch(() => {});
    server.answers.clear();
    connect(true);
    await pass(10);
    await client.request("/data");
    expect(status(client)).toBe("signedIn");
  });

  test("a page from the back/forward cache with the same session goes on", async () => {
    const reload = vi.fn();
    const client = await opened({ reload });
    happen(window, "pagehide", { persisted: true });
    expect(Line.open.size).toBe(0);
    await pass(MINUTE);
    happen(window, "pageshow", { persisted: true });
    await pass(10);
    expect(reload).not.toHaveBeenCalled();
    expect(Line.open.size).toBe(1);
    expect(status(client)).toBe("signedIn");
  });

  test("a token that was rotated meanwhile makes nothing wrong on such a page", async () => {
    const reload = vi.fn();
    const client = await opened({ reload });
    happen(window, "pagehide", { persisted: true });
    server.generation++;
    server.setCookie();
    happen(window, "pageshow", { persisted: true });
    await pass(10);
    expect(reload).not.toHaveBeenCalled();
    expect(status(client)).toBe("signedIn");
  });

  test.each([
    ["signed out", () => server.clearCookie()],
    ["another user", () => server.signIn("bob", "s9")],
  ])("a page from the back/forward cache is loaded again: %s", async (_, change) => {
    const reload = vi.fn();
    await opened({ reload });
    happen(window, "pagehide", { persisted: true });
    change();
    happen(window, "pageshow", { persisted: true });
    await pass(10);
    expect(reload).toHaveBeenCalledOnce();
  });
});

describe("start and stop", () => {
  test("twice is once, and leaves nothing open", async () => {
    const client = createSessionClient({ fetch: server.fetch });
    const before = Line.open.size;
    const [one, two] = [client.start(), client.start()];
    await pass(10);
    const open = client.open;
    expect(Line.open.size).toBe(before + 1);
    one();
    one();
    expect(client.open).toBe(open);
    two();
    await pass(100);
    expect(client.open).toBe(0);
    expect(Line.open.size).toBe(before);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("a double mount keeps one set of listeners", async () => {
    const client = createSessionClient({ fetch: server.fetch, push: false });
    const first = client.start();
    first();
    const second = client.start();
    await pass(10);
    const { open } = client;
    second();
    const third = client.start();
    expect(client.open).toBe(open);
    expect(open).toBeGreaterThan(10);
    third();
    client.start();
    expect(client.open).toBe(open);
    client.stop();
    expect(client.open).toBe(0);
  });

  test("stopped before the rest of it came, nothing is open", async () => {
    const client = createSessionClient({ fetch: server.fetch });
    client.start()();
    await pass(10);
    expect(client.open).toBe(0);
    expect(Line.open.size).toBe(0);
  });

  test("after stop nobody reacts", async () => {
    const client = createSessionClient({ fetch: server.fetch, push: false });
    client.start()();
    await pass(10);
    server.calls = [];
    happen(window, "focus");
    show(true);
    await pass(20 * MINUTE);
    expect(server.calls).toEqual([]);
  });

  test("a client that was never started signs out the other tabs all the same", async () => {
    const other = await opened();
    await createSessionClient({ fetch: server.fetch }).signOut();
    await pass(100);
    expect(status(other)).toBe("signedOut");
  });

  test("a listener that left is not called", async () => {
    const client = await opened();
    const told: unknown[] = [];
    const leave = client.subscribe((state) => told.push(state));
    await client.current();
    await pass(0);
    leave();
    await client.current();
    await pass(0);
    expect(told).toHaveLength(1);
  });

  test("each change is a new state", async () => {
    const client = await opened();
    const before = client.getState();
    await client.extend();
    expect(client.getState()).not.toBe(before);
  });
});

test("an end that is no number keeps nobody busy", async () => {
  const client = await opened();
  const line = new BroadcastChannel(client.options.channel ?? "");
  line.postMessage([{ is: "active", at: 0, told: true, idleEndsAt: Number.NaN, endsAt: Number.NaN }, 7]);
  await pass(10);
  const timers = vi.spyOn(globalThis, "setTimeout");
  await pass(30_000);
  expect(timers.mock.calls.length).toBeLessThan(10);
  line.close();
});
