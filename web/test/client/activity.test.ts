/** Only a person extends a session: when, how far, and which tab says so. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createSessionClient } from "../../src/client/index.ts";
import type { SessionClient, SessionClientOptions } from "../../src/client/types.ts";
import { browser, close, happen, Line, open, pass, person, show, sleep } from "./browser.ts";
import { json, MINUTE, problem, Server } from "./server.ts";

let server: Server;
const stops: (() => void)[] = [];

async function opened(options: SessionClientOptions = {}): Promise<SessionClient> {
  const client = createSessionClient({ fetch: server.fetch, push: false, ...options });
  stops.push(client.start());
  await pass(10);
  server.calls = [];
  return client;
}

const told = () => server.of("/activity").map((call) => call.body.idle_ms);

beforeEach(() => {
  open();
  server = new Server().signIn();
});
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
  close();
});

describe("an extension", () => {
  test("comes five minutes on, with the time since the person was here", async () => {
    await opened();
    await pass(10_000);
    person("pointermove");
    await pass(5 * MINUTE - 20_000);
    expect(told()).toEqual([]);
    await pass(11_000);
    expect(told()).toHaveLength(1);
    expect(told()[0]).toBeGreaterThanOrEqual(5 * MINUTE - 11_000);
    expect(told()[0]).toBeLessThanOrEqual(5 * MINUTE - 8_000);
  });

  test("makes the idle end the last activity and the timeout, not more", async () => {
    await opened();
    await pass(10_000);
    person();
    const here = server.now();
    await pass(5 * MINUTE);
    expect(server.ends().idle).toBe(here + server.idle);
  });

  test("does not come again without new activity", async () => {
    await opened();
    await pass(10_000);
    person();
    await pass(14 * MINUTE);
    expect(told()).toHaveLength(1);
  });

  test("does not come if nobody was ever here", async () => {
    await opened();
    await pass(14 * MINUTE);
    expect(told()).toEqual([]);
  });

  test("a page that only polls does not live longer than the idle timeout", async () => {
    const client = await opened();
    for (let minute = 0; minute < 16; minute++) {
      client.sessions({}, { passive: true }).catch(() => {});
      await pass(MINUTE);
    }
    expect(client.getState().status).toBe("expired");
    expect(told()).toEqual([]);
  });

  test("comes every five minutes while somebody works", async () => {
    await opened();
    for (let second = 0; second < 16 * 60; second++) {
      person("keydown");
      await pass(1_000);
    }
    expect(told()).toHaveLength(3);
    expect(Math.max(...told())).toBeLessThan(3_000);
  });

  test("comes at once with the first sign after a long pause", async () => {
    await opened();
    await pass(6 * MINUTE);
    person("touchstart");
    await pass(10);
    expect(told()).toEqual([0]);
  });

  test("is a request that is no sign of a person itself", async () => {
    await opened();
    await pass(6 * MINUTE);
    person();
    await pass(10);
    expect(server.of("/activity")[0]?.headers.get("x-session-passive")).toBe("1");
  });

  test("follows the policy", async () => {
    server.activityEvery = MINUTE;
    await opened();
    await pass(5_000);
    person();
    await pass(MINUTE);
    expect(told()).toHaveLength(1);
  });

  test("follows the options before the policy", async () => {
    await opened({ activity: { every: 2 * MINUTE, within: MINUTE } });
    await pass(5_000);
    person();
    await pass(3 * MINUTE);
    expect(told()).toEqual([]); // two minutes later it was too long ago
    person();
    await pass(10);
    expect(told()).toEqual([0]);
  });

  test("that failed is tried again, but not at once", async () => {
    await opened();
    server.answers.set("POST /activity", () => problem(503, "unavailable"));
    await pass(6 * MINUTE);
    person();
    await pass(5_000);
    person();
    await pass(10);
    expect(told()).toHaveLength(1);
    server.answers.clear();
    await pass(12_000);
    expect(told()).toHaveLength(2);
    expect(server.seen).toBeGreaterThan(server.began);
  });

  test("that is refused because the session has ended says so", async () => {
    const client = await opened();
    await pass(6 * MINUTE);
    server.end("session_revoked", { reason: "admin" });
    person();
    await pass(10);
    expect(client.getState().status).toBe("expired");
  });

  test("is not asked for by somebody who is signed out", async () => {
    server.clearCookie();
    await opened();
    await pass(6 * MINUTE);
    person();
    await pass(6 * MINUTE);
    expect(server.calls).toEqual([]);
  });
});

describe("a sign of a person", () => {
  test.each(["pointerdown", "pointermove", "keydown", "wheel", "scroll", "touchstart"])(
    "is %s",
    async (type) => {
      await opened();
      await pass(6 * MINUTE);
      person(type);
      await pass(10);
      expect(told()).toEqual([0]);
    },
  );

  test("is none if a script made it", async () => {
    await opened();
    await pass(6 * MINUTE);
    person("keydown", false);
    happen(window, "pointermove");
    await pass(10 * MINUTE);
    expect(told()).toEqual([]);
  });

  test("is not looked for if activity is off", async () => {
    await opened({ activity: false });
    await pass(6 * MINUTE);
    person();
    await pass(6 * MINUTE);
    expect(told()).toEqual([]);
  });

  test("is shared with the other tabs every 30 seconds at most", async () => {
    await opened();
    for (let second = 0; second < 100; second++) {
      await pass(1_000);
      person();
    }
    const shared = Line.sent.filter(([message]) => message.is === "active");
    expect(shared).toHaveLength(4);
  });
});

describe("of several tabs", () => {
  test("only one tells", async () => {
    await opened();
    await opened();
    await pass(10_000);
    person();
    await pass(5 * MINUTE);
    expect(told()).toHaveLength(1);
  });

  test("one that is hidden tells nothing", async () => {
    await opened();
    await pass(10_000);
    person();
    show(false);
    await pass(9 * MINUTE);
    expect(told()).toEqual([]);
  });

  test("one that is shown again tells what it did not", async () => {
    await opened();
    await pass(10_000);
    person();
    show(false);
    await pass(9 * MINUTE);
    show(true);
    await pass(10);
    expect(told()).toHaveLength(1);
    expect(told()[0]).toBeGreaterThan(8 * MINUTE);
  });

  test("one that is seen but not used leaves it to the one that is used, for a while", async () => {
    await opened();
    await pass(10_000);
    person();
    browser.focused = false;
    await pass(5 * MINUTE - 9_000);
    expect(told()).toEqual([]);
    await pass(3_000);
    expect(told()).toHaveLength(1);
  });

  test("one without focus does nothing while another is at it", async () => {
    await opened();
    await pass(10_000);
    person();
    browser.focused = false;
    browser.locks?.hold("sojourn:activity");
    await pass(5 * MINUTE);
    expect(told()).toEqual([]);
  });
});

describe("during the warning", () => {
  test("activity extends at once and ends it, in every tab", async () => {
    const [one, two] = [await opened(), await opened()];
    await pass(12 * MINUTE);
    new Line("sojourn").postMessage([
      {
        is: "active",
        at: Date.now(),
        told: true,
        idleEndsAt: server.ends().idle,
      },
      0,
    ]);
    await pass(MINUTE + 5_000);
    expect(one.getState().warning?.kind).toBe("idle");
    person();
    await pass(10);
    expect(told().length).toBeGreaterThanOrEqual(1);
    expect([one.getState().warning, two.getState().warning]).toEqual([null, null]);
  });

  test("only what is done on purpose is an answer, and the dialog's buttons speak for themselves", async () => {
    const client = await opened();
    await pass(13 * MINUTE + 5_000);
    expect(client.getState().warning?.kind).toBe("idle");
    const dialog = document.createElement("dialog");
    const button = dialog.appendChild(document.createElement("button"));
    person("pointermove");
    person("pointerdown", true, button);
    person("keydown", true, button);
    await pass(10);
    expect(told()).toEqual([]);
    expect(client.getState().warning?.kind).toBe("idle");
    person("pointerdown", true, dialog);
    await pass(10);
    expect(told()).toHaveLength(1);
    expect(client.getState().warning).toBeNull();
  });

  test("of the final end, activity changes nothing and is not told on each move", async () => {
    server.lifetime = 10 * MINUTE;
    server.signIn();
    const client = await opened();
    for (let second = 0; second < 9 * 60; second++) {
      person();
      await pass(1_000);
    }
    expect(client.getState().warning?.kind).toBe("absolute");
    expect(told().length).toBeLessThanOrEqual(2);
  });
});

test("a clock that was set back makes no activity out of what was before, and hides none after", async () => {
  server.idle = 24 * 60 * MINUTE;
  server.signIn();
  await opened();
  await pass(10_000);
  person();
  sleep(-60 * MINUTE);
  server.ahead += 60 * MINUTE; // the server's did not move
  await pass(30 * MINUTE);
  expect(told()).toEqual([]);
  person();
  await pass(5 * MINUTE);
  expect(told()).toHaveLength(1);
});

test("a message from the future is not believed", async () => {
  await opened();
  new Line("sojourn").postMessage([{ is: "active", at: Date.now() + 60 * MINUTE }, 0]);
  await pass(14 * MINUTE);
  expect(told().length).toBeLessThanOrEqual(1);
});

test("an answer without limits does not break the rule", async () => {
  server.answers.set("GET /sessions/current", () =>
    json({ ...server.current(), limits: { idle_timeout: 900 } }),
  );
  await opened();
  await pass(10_000);
  person();
  await pass(5 * MINUTE);
  expect(told()).toHaveLength(1);
});
