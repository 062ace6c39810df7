/** One request: what it carries, what it becomes when refused, and what it says when it fails. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createSessionClient, SessionError } from "../../src/client/index.ts";
import type { SessionClient, SessionClientOptions } from "../../src/client/types.ts";
import { browser, close, open, pass } from "./browser.ts";
import { json, problem, Server } from "./server.ts";

let server: Server;
let client: SessionClient;

function tab(options: SessionClientOptions = {}): SessionClient {
  return createSessionClient({ fetch: server.fetch, push: false, ...options });
}

beforeEach(() => {
  open();
  server = new Server().signIn();
  client = tab();
});
afterEach(close);

async function failure(work: Promise<unknown>): Promise<SessionError> {
  const error = await work.then(
    () => null,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(SessionError);
  return error as SessionError;
}

describe("what a request carries", () => {
  test("the browser's credentials", async () => {
    await client.request("/preferences");
    expect(server.calls[0]?.init.credentials).toBe("include");
  });

  test("a body as JSON, and says so", async () => {
    await client.rename("a/b", "Kitchen tablet");
    const [call] = server.of("/sessions/a%2Fb", "PATCH");
    expect(call?.body).toEqual({ name: "Kitchen tablet" });
    expect(call?.headers.get("content-type")).toBe("application/json");
  });

  test("no content type without a body", async () => {
    await client.revokeOthers();
    expect(server.calls[0]?.headers.has("content-type")).toBe(false);
  });

  test("no sign of a person if nobody asked for it", async () => {
    await client.sessions({}, { passive: true });
    expect(server.calls[0]?.headers.get("x-session-passive")).toBe("1");
  });

  test("a sign of a person if somebody did", async () => {
    await client.sessions();
    expect(server.calls[0]?.headers.has("x-session-passive")).toBe(false);
  });

  test("only what was given of a query", async () => {
    await client.sessions({ application_id: "shop", tenant_id: undefined });
    expect([...(server.calls[0]?.query ?? [])]).toEqual([["application_id", "shop"]]);
  });
});

describe("fetch", () => {
  test("gives other statuses to its caller", async () => {
    server.answers.set("GET /data", () => problem(403, "forbidden"));
    expect((await client.fetch("/api/auth/data")).status).toBe(403);
  });

  test("keeps the caller's headers", async () => {
    await client.fetch("/data", { headers: { "x-mine": "1" } });
    expect(server.calls[0]?.headers.get("x-mine")).toBe("1");
  });

  test("passes foreign origins through untouched", async () => {
    const init = { method: "POST" };
    await client.fetch("https://elsewhere.example/data", init);
    expect(server.calls[0]?.init).toBe(init);
  });

  test("goes by the address that the browser will use: <base> can name another origin", async () => {
    const base = document.head.appendChild(
      Object.assign(document.createElement("base"), { href: "https://cdn.example/" }),
    );
    await client.fetch("/data");
    base.remove();
    expect(server.calls[0]?.init.credentials).toBeUndefined();
  });

  test("a 401 of a foreign origin is none of our business", async () => {
    server.answers.set("GET /data", () => problem(401, "access_expired"));
    expect((await client.fetch("https://elsewhere.example/data")).status).toBe(401);
    expect(server.count("/refresh")).toBe(0);
  });

  test("carries credentials to further origins that were named", async () => {
    client = tab({ origins: ["https://api.example"] });
    await client.fetch("https://api.example/data");
    expect(server.calls[0]?.init.credentials).toBe("include");
  });

  test("takes a Request with a body, and can send it again", async () => {
    server.age();
    const request = new Request("http://localhost:3000/data", { method: "POST", body: '{"a":1}' });
    expect((await client.fetch(request)).ok).toBe(true);
    expect(server.of("/data").map((call) => call.body)).toEqual([{ a: 1 }, { a: 1 }]);
  });

  test("leaves the global fetch alone", () => {
    const before = globalThis.fetch;
    tab().start()();
    expect(globalThis.fetch).toBe(before);
  });
});

describe("a 401", () => {
  test("access_expired: refreshes and sends again", async () => {
    server.age();
    await client.request("/preferences");
    expect(server.count("/refresh")).toBe(1);
    expect(server.count("/preferences")).toBe(2);
  });

  test("a POST with JSON is executed once", async () => {
    server.age();
    await client.request("/act", { method: "POST", body: { pay: 1 } });
    expect(server.of("/act").map((call) => call.body)).toEqual([{ pay: 1 }, { pay: 1 }]);
  });

  test("without our code: no refresh, a plain error", async () => {
    server.answers.set("GET /preferences", () => json({ code: "access_expired" }, 401));
    const error = await failure(client.preferences());
    expect([error.code, error.status]).toEqual(["unauthenticated", 401]);
    expect(server.count("/refresh")).toBe(0);
    expect(client.getState().status).toBe("unknown");
  });

  test("without our code: fetch hands it over", async () => {
    server.answers.set("GET /data", () => new Response("no", { status: 401 }));
    expect((await client.fetch("/api/auth/data")).status).toBe(401);
  });

  test("invalid_credentials is no trouble of the session", async () => {
    const error = await failure(client.signIn({ email: "ada@example.org", password: "wrong" }));
    expect(error.code).toBe("invalid_credentials");
    expect(error.message).toBe("(invalid_credentials)");
    expect(client.getState().status).toBe("unknown");
  });

  test("reauth_required as 401, as bearers get it, is no trouble of the session", async () => {
    server.answers.set("POST /sessions/revoke-others", () =>
      problem(401, "reauth_required", { methods: ["password"] }),
    );
    const error = await failure(client.revokeOthers());
    expect([error.code, error.methods]).toEqual(["reauth_required", ["password"]]);
    expect(server.count("/refresh")).toBe(0);
  });

  test("always: at most three sends", async () => {
    server.answers.set("GET /preferences", () => problem(401, "access_expired"));
    const error = await failure(client.preferences());
    expect(error.code).toBe("access_expired");
    expect(server.count("/preferences")).toBe(3);
    expect(server.count("/refresh")).toBe(2);
  });

  test("token_superseded: waits for the hint of whoever rotated, and sends again", async () => {
    server.answers.set("GET /preferences", ({ init }) => {
      void init;
      return server.count("/preferences") === 1 ? problem(401, "token_superseded") : undefined;
    });
    const answer = client.preferences();
    await pass(300);
    server.generation++;
    server.setCookie(); // the other tab's answer is here
    await pass(100);
    await answer;
    expect(server.count("/refresh")).toBe(0);
    expect(server.count("/preferences")).toBe(2);
  });

  test("token_superseded: refreshes if no hint comes within a second", async () => {
    server.answers.set("GET /preferences", () =>
      server.count("/preferences") === 1 ? problem(401, "token_superseded") : undefined,
    );
    const answer = client.preferences();
    await pass(900);
    expect(server.count("/refresh")).toBe(0);
    await pass(200);
    await answer;
    expect(server.count("/refresh")).toBe(1);
  });

  test("session_revoked: rejects with the reason, and nothing is refreshed", async () => {
    server.end("session_revoked", { reason: "password_changed" });
    const error = await failure(client.fetch("/api/auth/data"));
    expect([error.code, error.reason]).toEqual(["session_revoked", "password_changed"]);
    expect(server.count("/refresh")).toBe(0);
  });

  test("an ending is adopted away if the token moved meanwhile", async () => {
    server.answers.set("GET /preferences", () => {
      if (server.count("/preferences") > 1) return undefined;
      server.generation++;
      server.setCookie();
      return problem(401, "session_expired");
    });
    await client.preferences();
    expect(server.count("/preferences")).toBe(2);
    expect(client.getState().status).toBe("unknown");
  });

  test("token_invalid: another tab may have renewed the token just now", async () => {
    await client.current();
    server.answers.set("GET /preferences", () =>
      server.count("/preferences") === 1 ? problem(401, "token_invalid") : undefined,
    );
    const answer = client.preferences();
    await pass(200);
    server.generation++;
    server.setCookie();
    await pass(100);
    await answer;
    expect(client.getState().status).toBe("signedIn");
  });

  test("a stream is not sent twice, but the next attempt finds a good token", async () => {
    server.age();
    const body = new ReadableStream();
    const error = await failure(
      client.fetch("/data", { method: "POST", body, duplex: "half" } as RequestInit),
    );
    expect(error.code).toBe("not-replayable");
    expect(server.count("/data")).toBe(1);
    expect(server.generation).toBe(2);
  });
});

describe("messages", () => {
  const said: [string, Response | (() => Response), string, string][] = [
    [
      "401 never signed in",
      problem(401, "unauthenticated"),
      "unauthenticated",
      "Please sign in to continue.",
    ],
    [
      "401 expired",
      problem(401, "session_expired"),
      "session_expired",
      "Your session has expired. Please sign in again.",
    ],
    [
      "401 revoked",
      problem(401, "session_revoked"),
      "session_revoked",
      "You were signed out from another device.",
    ],
    ["403", problem(403, "forbidden"), "forbidden", "You do not have permission"],
    ["403 of somebody else", new Response("", { status: 403 }), "forbidden", "You do not have permission"],
    ["403 freshness", problem(403, "reauth_required"), "reauth_required", "Please confirm it is you."],
    ["403 origin", problem(403, "csrf_failed"), "csrf", "This page is out of date. Reload and try again."],
    ["429", problem(429, "rate_limited"), "rate_limited", "Too many requests. Please try again later."],
    [
      "429 with Retry-After",
      problem(429, "rate_limited", {}, { "retry-after": "7" }),
      "rate_limited",
      "Too many requests. Please try again in 7 seconds.",
    ],
    [
      "429 for a second",
      problem(429, "rate_limited", { retry_after: 1 }),
      "rate_limited",
      "Too many requests. Please try again in 1 second.",
    ],
    ["500", problem(500, "internal_error"), "server", "Something went wrong on our side. Please try again."],
    ["503", problem(503, "unavailable"), "server", "Something went wrong on our side. Please try again."],
    ["a portal", new Response("<html>"), "server", "Something went wrong on our side. Please try again."],
    [
      "409, in the server's words",
      problem(409, "undo_expired", { message: "Too late." }),
      "undo_expired",
      "Too late.",
    ],
    ["404", problem(404, "not_found", { message: "Gone." }), "not_found", "Gone."],
    [
      "422 without a code",
      new Response("", { status: 422 }),
      "invalid",
      "Something went wrong on our side. Please try again.",
    ],
  ];
  test.each(said)("%s", async (_, response, code, message) => {
    server.answers.set("GET /preferences", () => response as Response);
    const error = await failure(client.preferences());
    expect([error.code, error.message]).toEqual([code, message]);
  });

  test("network", async () => {
    server.answers.set("GET /preferences", () => Promise.reject(new TypeError("Failed to fetch")));
    const error = await failure(client.preferences());
    expect([error.code, error.message]).toEqual(["network", "Network error. Please check your connection."]);
    expect(error.cause).toBeInstanceOf(TypeError);
  });

  test("offline", async () => {
    browser.online = false;
    server.answers.set("GET /preferences", () => Promise.reject(new TypeError("Failed to fetch")));
    const error = await failure(client.preferences());
    expect([error.code, error.message]).toEqual(["offline", "You are offline."]);
  });

  test("timeout", async () => {
    server.latency = 31_000;
    const error = failure(client.preferences());
    await pass(30_000);
    expect([(await error).code, (await error).message]).toEqual([
      "timeout",
      "Request timeout. Please try again.",
    ]);
  });

  test("timeout of a body that never ends", async () => {
    const never = new ReadableStream({});
    server.answers.set("GET /preferences", ({ init }) => {
      init.signal?.addEventListener("abort", () => never.cancel().catch(() => {}));
      return new Response(stalled(init.signal as AbortSignal), {
        headers: { "content-type": "application/json" },
      });
    });
    const error = failure(client.request("/preferences", { timeout: 500 }));
    await pass(600);
    expect((await error).code).toBe("timeout");
  });

  test("aborted by its caller", async () => {
    server.latency = 1_000;
    const stop = new AbortController();
    const error = failure(client.sessions({}, { signal: stop.signal }));
    await pass(100);
    stop.abort("enough");
    expect((await error).code).toBe("aborted");
  });

  test("the facts for whoever helps", async () => {
    server.answers.set("GET /preferences", () => problem(503, "unavailable", {}, { "retry-after": "3" }));
    const error = await failure(client.preferences());
    expect([error.status, error.requestId, error.retryAfter, error.facts.code]).toEqual([
      503,
      "r1",
      3,
      "unavailable",
    ]);
  });

  test("Retry-After may name a time", async () => {
    const at = new Date(Date.now() + 90_000).toUTCString();
    server.answers.set("GET /preferences", () => problem(429, "rate_limited", {}, { "retry-after": at }));
    expect((await failure(client.preferences())).retryAfter).toBe(90);
  });
});

/** A body that says nothing until its request is given up. */
function stalled(signal: AbortSignal): ReadableStream {
  return new ReadableStream({
    start(controller) {
      signal.addEventListener("abort", () => controller.error(new DOMException("aborted", "AbortError")));
    },
  });
}

describe("time", () => {
  test("a timer that was not needed is gone", async () => {
    await client.preferences();
    expect(vi.getTimerCount()).toBe(0);
  });
});
