/** Rotation among the tabs of a browser: one call, no false alarm, no loop. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createSessionClient, type SessionError } from "../../src/client/index.ts";
import type { SessionClient, SessionClientOptions } from "../../src/client/types.ts";
import { browser, close, type Locks, open, pass } from "./browser.ts";
import { json, problem, Server } from "./server.ts";

let server: Server;
const clients: SessionClient[] = [];

function tab(options: SessionClientOptions = {}): SessionClient {
  const client = createSessionClient({ fetch: server.fetch, push: false, activity: false, ...options });
  client.start();
  clients.push(client);
  return client;
}

async function tabs(count: number): Promise<SessionClient[]> {
  const all = Array.from({ length: count }, () => tab());
  await pass(100);
  server.calls = [];
  return all;
}

/** What came of it: values, or the codes of errors. */
async function outcomes(work: Promise<unknown>[]): Promise<unknown[]> {
  const settled = await Promise.allSettled(work);
  return settled.map((one) => (one.status === "fulfilled" ? "ok" : (one.reason as SessionError).code));
}

const ask = (client: SessionClient) => client.request("/data");

beforeEach(() => {
  open();
  server = new Server().signIn();
  server.latency = 50;
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.stop();
  close();
});

describe("many requests after the token has aged", () => {
  test("of one tab: one refresh, all succeed", async () => {
    const [one] = await tabs(1);
    server.age();
    const all = outcomes(Array.from({ length: 20 }, () => ask(one as SessionClient)));
    await pass(1_000);
    expect(new Set(await all)).toEqual(new Set(["ok"]));
    expect(server.count("/refresh")).toBe(1);
  });

  test("of six tabs: one refresh, all succeed, nobody is told of an end", async () => {
    const all = await tabs(6);
    const told: unknown[] = [];
    for (const client of all) client.on("expired", (ending) => told.push(ending));
    server.age();
    const answers = outcomes(all.flatMap((client) => Array.from({ length: 10 }, () => ask(client))));
    await pass(2_000);
    expect((await answers).filter((answer) => answer === "ok")).toHaveLength(60);
    expect(server.count("/refresh")).toBe(1);
    expect(told).toEqual([]);
  });

  test("of six tabs without locks: all succeed all the same", async () => {
    browser.locks = undefined;
    const all = await tabs(6);
    server.age();
    const answers = outcomes(all.flatMap((client) => Array.from({ length: 10 }, () => ask(client))));
    await pass(3_000);
    expect((await answers).filter((answer) => answer === "ok")).toHaveLength(60);
    expect(all.map((client) => client.getState().status)).toEqual(Array(6).fill("signedIn"));
  });

  test("a request that begins during a refresh waits for it", async () => {
    const [one] = await tabs(1);
    server.age();
    const first = ask(one as SessionClient);
    await pass(75); // its 401 is here, the refresh is on its way
    const second = ask(one as SessionClient);
    await pass(10);
    expect(server.count("/data")).toBe(1);
    await pass(1_000);
    await Promise.all([first, second]);
    expect(server.count("/data")).toBe(3);
  });
});

describe("a lock that never comes", () => {
  test("of a frozen tab: the refresh goes on without it after five seconds", async () => {
    const [one] = await tabs(1);
    (browser.locks as Locks).hold("sojourn:refresh");
    server.age();
    const answer = outcomes([ask(one as SessionClient)]);
    await pass(4_900);
    expect(server.count("/refresh")).toBe(0);
    await pass(1_000);
    expect(await answer).toEqual(["ok"]);
  });

  test("where locks are forbidden, they are not needed", async () => {
    const [one] = await tabs(1);
    (browser.locks as Locks).request = () => Promise.reject(new DOMException("no", "SecurityError"));
    server.age();
    const answer = outcomes([ask(one as SessionClient)]);
    await pass(1_000);
    expect(await answer).toEqual(["ok"]);
  });

  test("after waiting for it, what the other tab did is adopted", async () => {
    const [one] = await tabs(1);
    const release = (browser.locks as Locks).hold("sojourn:refresh");
    server.age();
    const answer = outcomes([ask(one as SessionClient)]);
    await pass(500);
    server.generation++;
    server.setCookie();
    release();
    await pass(500);
    expect(await answer).toEqual(["ok"]);
    expect(server.count("/refresh")).toBe(0);
  });
});

describe("a refresh that fails", () => {
  test("rejects everybody who waits with the same code, and sends nothing again", async () => {
    const [one] = await tabs(1);
    server.age();
    server.answers.set("POST /refresh", () => problem(500, "internal_error"));
    const all = outcomes(Array.from({ length: 10 }, () => ask(one as SessionClient)));
    await pass(2_000);
    expect(await all).toEqual(Array(10).fill("server"));
    expect(server.count("/data")).toBe(10);
  });

  test.each([
    ["500", () => problem(500, "internal_error")],
    ["503", () => problem(503, "unavailable")],
    ["a proxy's 401", () => json({}, 401)],
    ["403", () => problem(403, "csrf_failed")],
    ["409", () => problem(409, "session_changed")],
    ["network", () => Promise.reject(new TypeError("Failed to fetch"))],
  ])("%s: the session is kept, and the next attempt comes after five seconds", async (_, answer) => {
    const [one] = (await tabs(1)) as [SessionClient];
    server.age();
    server.answers.set("POST /refresh", answer);
    const first = outcomes([ask(one)]);
    await pass(1_200);
    await first;
    const again = outcomes([ask(one)]);
    await pass(3_500);
    await again;
    expect(server.count("/refresh")).toBe(1);
    expect(one.getState().status).toBe("signedIn");
    server.answers.delete("POST /refresh");
    await pass(2_500);
    const recovered = outcomes([ask(one)]);
    await pass(500);
    expect(await recovered).toEqual(["ok"]);
  });

  test("429: no second call before Retry-After, in no tab", async () => {
    const all = await tabs(3);
    server.age();
    server.answers.set("POST /refresh", () => problem(429, "rate_limited", {}, { "retry-after": "30" }));
    const first = outcomes(all.map(ask));
    await pass(1_000);
    expect(await first).toEqual(Array(3).fill("rate_limited"));
    const again = outcomes(all.map(ask));
    await pass(28_000);
    expect(await again).toEqual(Array(3).fill("rate_limited"));
    expect(server.count("/refresh")).toBe(1);
    server.answers.delete("POST /refresh");
    await pass(8_000);
    const later = outcomes(all.map(ask));
    await pass(1_000);
    expect(await later).toEqual(Array(3).fill("ok"));
  });

  test("again and again: the pause doubles, to a minute at most", async () => {
    const [one] = (await tabs(1)) as [SessionClient];
    server.age();
    const at: number[] = [];
    server.answers.set("POST /refresh", () => {
      at.push(Date.now());
      return problem(500, "internal_error");
    });
    for (let second = 0; second < 400; second++) {
      ask(one).catch(() => {});
      await pass(1_000);
    }
    const pauses = at.slice(1).map((time, index) => Math.round((time - (at[index] as number)) / 1_000));
    for (const [index, least] of [5, 10, 20, 40, 60, 60].entries()) {
      expect(pauses[index]).toBeGreaterThanOrEqual(least);
      expect(pauses[index]).toBeLessThanOrEqual(least * 1.2 + 2);
    }
  });

  test("a newer generation does not wait for the pause of the one before", async () => {
    const [one] = (await tabs(1)) as [SessionClient];
    server.age();
    server.answers.set("POST /refresh", () => problem(500, "internal_error"));
    const first = outcomes([ask(one)]);
    await pass(500);
    await first;
    server.generation++;
    server.setCookie();
    server.age();
    server.answers.delete("POST /refresh");
    const again = outcomes([ask(one)]);
    await pass(500);
    expect(await again).toEqual(["ok"]);
  });

  test("session_revoked: over, told once in each tab", async () => {
    const all = (await tabs(3)) as SessionClient[];
    const told: unknown[] = [];
    for (const client of all) client.on("expired", (ending) => told.push([ending.code, ending.reason]));
    server.age();
    server.answers.set("POST /refresh", () => problem(401, "session_revoked", { reason: "admin" }));
    server.answers.set("GET /sessions/current", () => problem(401, "session_revoked", { reason: "admin" }));
    const answers = outcomes(all.flatMap((client) => [ask(client), ask(client)]));
    await pass(3_000);
    expect(new Set(await answers)).toEqual(new Set(["session_revoked"]));
    expect(told).toEqual(Array(3).fill(["session_revoked", "admin"]));
  });

  test("refresh_reused, while the hint moved: adopted, not over", async () => {
    const [one] = (await tabs(1)) as [SessionClient];
    server.age();
    server.answers.set("POST /refresh", () => {
      server.generation++;
      server.setCookie(); // another tab was faster, with its own lock or none
      return problem(401, "refresh_reused");
    });
    const answer = outcomes([ask(one)]);
    await pass(1_000);
    expect(await answer).toEqual(["ok"]);
    expect(one.getState().status).toBe("signedIn");
  });

  test("no answer for ten seconds: timeout", async () => {
    const [one] = (await tabs(1)) as [SessionClient];
    server.age();
    server.answers.set("POST /refresh", ({ init }) => {
      return new Promise((_, no) => {
        init.signal?.addEventListener("abort", () => no(new DOMException("aborted", "AbortError")));
      });
    });
    const answer = outcomes([ask(one)]);
    await pass(10_500);
    expect(await answer).toEqual(["timeout"]);
  });

  test("cookies that are blocked: a clear error and no loop", async () => {
    const [one] = (await tabs(1)) as [SessionClient];
    server.age();
    server.cookiesBlocked = true;
    const answers = outcomes([ask(one), ask(one)]);
    await pass(3_000);
    expect(await answers).toEqual(["cookies-blocked", "cookies-blocked"]);
    const later = outcomes([ask(one)]);
    await pass(1_000);
    expect(await later).toEqual(["cookies-blocked"]);
    expect(server.count("/refresh")).toBe(1);
  });
});

describe("a sign-out during a refresh", () => {
  test("stays a sign-out in every tab", async () => {
    const all = (await tabs(2)) as [SessionClient, SessionClient];
    server.age();
    server.answers.set("POST /refresh", async () => {
      await new Promise((done) => setTimeout(done, 500));
      return undefined as never;
    });
    const waiting = outcomes([ask(all[0])]);
    await pass(100);
    const out = all[0].signOut();
    await pass(2_000);
    await out;
    expect(await waiting).toEqual(["aborted"]);
    expect(all.map((client) => client.getState().status)).toEqual(["signedOut", "signedOut"]);
  });

  test("drops a result that came although nobody wants it", async () => {
    const [one] = (await tabs(1)) as [SessionClient];
    let answer = (_: Response) => {};
    const deaf: typeof fetch = async (url, init) =>
      `${url}`.endsWith("/refresh") ? new Promise((done) => (answer = done)) : server.fetch(url, init);
    const client = tab({ fetch: deaf });
    await pass(200);
    server.age();
    const waiting = outcomes([ask(client)]);
    await pass(100);
    const current = server.current();
    const out = client.signOut();
    await pass(100);
    await out;
    answer(json(current));
    await pass(2_000);
    await waiting;
    expect(client.getState().status).toBe("signedOut");
    expect(one.getState().status).toBe("signedOut");
  });
});

describe("refresh()", () => {
  test("rotates, and tells", async () => {
    const [one] = (await tabs(1)) as [SessionClient];
    const told: string[] = [];
    one.on("refreshed", () => told.push("refreshed"));
    const done = one.refresh();
    await pass(500);
    await done;
    expect(server.generation).toBe(2);
    expect(told).toEqual(["refreshed"]);
  });

  test("of an API on another origin works without a hint to be seen", async () => {
    const far = tab({ baseUrl: "https://api.example/api/auth" });
    await pass(100);
    server.age();
    const answer = outcomes([far.request("/data")]);
    await pass(500);
    expect(await answer).toEqual(["ok"]);
  });
});

test("what a listener throws breaks nothing, and is reported", async () => {
  const reported: unknown[] = [];
  const client = tab({ onError: (error) => reported.push(error) });
  const told: string[] = [];
  client.on("refreshed", () => {
    throw new Error("mine");
  });
  client.on("refreshed", () => told.push("second"));
  await pass(100);
  const done = client.refresh();
  await pass(500);
  await done;
  expect(told).toEqual(["second"]);
  expect(reported).toHaveLength(1);
});

test("a listener may ask the client for whatever it likes: nobody waits for it", async () => {
  const client = tab();
  await pass(100);
  let answer: Promise<unknown[]> | undefined;
  client.on("refreshed", () => {
    answer ??= outcomes([client.refresh(), ask(client)]);
  });
  const done = client.refresh();
  await pass(1_000);
  await done;
  expect(await answer).toEqual(["ok", "ok"]);
});
