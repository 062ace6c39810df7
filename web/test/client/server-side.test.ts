// @vitest-environment node
/** On a server there is no window: a client can be made, and does nothing by itself. */
import { expect, test } from "vitest";
import { createSessionClient, formats, SessionError } from "../../src/client/index.ts";

test("there is no window here", () => {
  expect(typeof window).toBe("undefined");
});

test.each(["cookie", "bearer"] as const)("a client can be made and started (%s)", (mode) => {
  const client = createSessionClient({ mode });
  const stop = client.start();
  expect(client.open).toBe(0);
  expect(client.getState().status).toBe("unknown");
  stop();
});

test("it asks an API with a whole address", async () => {
  const asked: string[] = [];
  const client = createSessionClient({
    baseUrl: "https://api.example/api/auth",
    fetch: async (url) => {
      asked.push(`${url}`);
      return Response.json({ sessions: [], count: 0, server_now: "2025-11-08T12:00:00.000Z" });
    },
  });
  await client.sessions();
  expect(asked).toEqual(["https://api.example/api/auth/sessions"]);
});

test("a 401 ends nothing there", async () => {
  const client = createSessionClient({
    baseUrl: "https://api.example/api/auth",
    fetch: async () => new Response(null, { status: 401, headers: { "x-session-code": "session_expired" } }),
  });
  await expect(client.sessions()).rejects.toBeInstanceOf(SessionError);
});

test("times can be written", () => {
  expect(formats.duration(60_000, "en")).toBe("1 min");
});
