// What every route does before it does what it is for: paths, bodies, and where a request comes from.
import assert from "node:assert/strict";
import { answered, check, PASSWORD, session } from "./better_auth_world.mjs";

const SIGN_IN = "/api/auth/sign-in/email";
const SIGN_UP = "/api/auth/sign-up/email";
const WRITE = "/api/auth/update-user";
const FOREIGN = "https://evil.example";
const NAVIGATION = { "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };

// ── wire ─────────────────────────────────────────────────────────────────────────────────────

check("wire-1", "it is well", async (world) => {
  const answer = answered(await world.browser().get("/api/auth/ok"), 200);
  assert.deepEqual(answer.json, { ok: true });
});

check("wire-2", "an unknown path is 404", async (world) => {
  const browser = world.browser();
  for (const [method, path] of [["GET", "/api/auth/no-such"], ["POST", "/api/auth/no-such"], ["GET", "/api/auth/admin/no-such"]]) {
    assert.equal((await browser.ask(method, path, { headers: { origin: world.origin } })).status, 404, path);
  }
});

check("wire-3", "so is a known path by a method that it does not have, for the client", async (world) => {
  const { browser } = await world.person();
  for (const [method, path] of [["GET", "/api/auth/revoke-sessions"], ["POST", "/api/auth/list-sessions"], ["DELETE", "/api/auth/get-session"]]) {
    const { status } = await browser.ask(method, path, { headers: { origin: world.origin } });
    assert.ok([404, 405].includes(status), `${method} ${path}: ${status}`);
  }
});

check("wire-4", "what is no JSON is refused as that", async (world) => {
  const browser = world.browser();
  for (const body of ["{", "{'a': 1}", "nonsense"]) {
    const headers = { "content-type": "application/json", origin: world.origin };
    const answer = await browser.ask("POST", SIGN_IN, { headers, body });
    assert.deepEqual([answer.status, answer.json.code], [400, "BAD_REQUEST"]);
    assert.equal(answer.json.message, "Invalid JSON in request body");
  }
});

check("wire-5", "other content types are refused: no form of another site does anything", async (world) => {
  const { browser } = await world.person();
  for (const type of ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]) {
    const headers = { "content-type": type, origin: world.origin };
    const answer = await browser.ask("POST", WRITE, { headers, body: '{"name":"Eve"}' });
    answered(answer, 415, "UNSUPPORTED_MEDIA_TYPE");
  }
});

check("wire-6", "JSON of another shape is refused, and breaks nothing", async (world) => {
  const { browser } = await world.person();
  for (const body of ["[]", "7", '"text"', "null", '{"token": {"a": 1}}', `{"token": ${"[".repeat(200)}${"]".repeat(200)}}`]) {
    const headers = { "content-type": "application/json", origin: world.origin };
    const { status } = await browser.ask("POST", "/api/auth/revoke-session", { headers, body });
    assert.equal(status, 400, body.slice(0, 20));
  }
});

check("wire-7", "an error has words and a code, as JSON", async (world) => {
  const answer = await world.browser().post(SIGN_IN, { email: world.email(), password: PASSWORD });
  assert.match(answer.headers["content-type"], /^application\/json/);
  assert.deepEqual(Object.keys(answer.json).sort(), ["code", "message"]);
});

check("wire-8", "no other origin is let in by CORS", async (world) => {
  const { browser } = await world.person();
  const answer = await browser.ask("GET", "/api/auth/get-session", { headers: { origin: FOREIGN } });
  assert.equal(answer.headers["access-control-allow-origin"], undefined);
  const asked = await browser.ask("OPTIONS", "/api/auth/update-user", { headers: { origin: FOREIGN, "access-control-request-method": "POST" } });
  assert.equal(asked.headers["access-control-allow-origin"], undefined);
});

check("wire-9", "a charset beside the content type does no harm", async (world) => {
  const { email } = await world.person();
  const headers = { "content-type": "application/json; charset=utf-8", origin: world.origin };
  answered(await world.browser().ask("POST", SIGN_IN, { headers, body: JSON.stringify({ email, password: PASSWORD }) }), 200);
});

check("wire-10", "what the query repeats or makes up is no fault of the server", async (world) => {
  const { browser } = await world.person();
  for (const query of ["disableCookieCache=&disableRefresh=", "a=1&a=2", "disableCookieCache=maybe", "%zz"]) {
    const { status } = await browser.get(`/api/auth/get-session?${query}`);
    assert.ok(status < 500, `${query}: ${status}`);
  }
});

const PATHS = [
  "sign-in/email", "sign-up/email", "sign-in/social", "revoke-session", "update-session", "update-user",
  "change-password", "unlink-account", "multi-session/set-active", "multi-session/revoke", "admin/ban-user",
  "admin/set-role", "admin/create-user", "admin/update-user", "admin/set-user-password", "admin/has-permission",
  "admin/list-user-sessions", "admin/revoke-user-session", "admin/impersonate-user", "admin/remove-user", "admin/unban-user",
];
const FIELDS = [
  "email", "password", "name", "image", "token", "rememberMe", "callbackURL", "currentPassword", "newPassword", "userId",
  "sessionToken", "role", "data", "permissions", "banReason", "banExpiresIn", "theme", "provider", "providerId",
];

check("wire-11", "whatever stands in a body, no route fails", async (world) => {
  const values = [null, 7, -1e300, true, "", "\u0000", "\ud800", "é".repeat(5000), [], {}, [null], { a: { b: [] } }];
  const { browser } = await world.ownAdmin();
  const failed = new Set();
  for (const path of PATHS) {
    for (const value of values) {
      const json = Object.fromEntries(FIELDS.map((field) => [field, value]));
      const { status } = await browser.post(`/api/auth/${path}`, json);
      if (status >= 500) failed.add(path);
    }
  }
  assert.equal(failed.size === 0, world.side(true, failed.size === 0), [...failed].join());
  assert.equal((await session(world.client(browser)))?.user.role, "admin");
}, "admin");

// ── where a request comes from ───────────────────────────────────────────────────────────────

check("origin-1", "with a cookie, without an Origin", async (world) => {
  const { browser } = await world.person();
  const answer = await browser.ask("POST", WRITE, { json: { name: "Eve" } });
  answered(answer, 403, "MISSING_OR_NULL_ORIGIN");
  assert.equal(answer.json.message, "Missing or null Origin");
});

check("origin-2", "with a cookie and the Origin null, as of a sandbox", async (world) => {
  const { browser } = await world.person();
  answered(await browser.ask("POST", WRITE, { json: { name: "Eve" }, headers: { origin: "null" } }), 403, "MISSING_OR_NULL_ORIGIN");
});

check("origin-3", "with a cookie, from another origin, however like ours", async (world) => {
  const { browser, client, user } = await world.person();
  const { host, port } = new URL(world.origin);
  for (const origin of [FOREIGN, `https://${host}`, `http://${host}.evil.example`, `http://127.0.0.1:${Number(port) + 1}`, "http://127.0.0.1"]) {
    const answer = await browser.ask("POST", WRITE, { json: { name: "Eve" }, headers: { origin } });
    answered(answer, 403, "INVALID_ORIGIN");
    assert.equal(answer.json.message, "Invalid origin");
  }
  assert.equal((await session(client)).user.name, user.name);
});

check("origin-4", "a Referer does where an Origin is missing", async (world) => {
  const { browser } = await world.person();
  answered(await browser.ask("POST", WRITE, { json: { name: "Augusta" }, headers: { referer: `${world.origin}/account` } }), 200);
});

check("origin-5", "one of another site does not", async (world) => {
  const { browser } = await world.person();
  answered(await browser.ask("POST", WRITE, { json: { name: "Eve" }, headers: { referer: `${FOREIGN}/${world.origin}` } }), 403, "INVALID_ORIGIN");
});

check("origin-6", "any cookie counts, whoever's it is", async (world) => {
  const browser = world.browser();
  const headers = { cookie: "theme=dark" };
  answered(await browser.ask("POST", WRITE, { json: { name: "Eve" }, headers }), 403, "MISSING_OR_NULL_ORIGIN");
  // Signing out is one route for all our clients.
  answered(await browser.ask("POST", "/api/auth/sign-out", { json: {}, headers }), 403, world.side("csrf_failed", "MISSING_OR_NULL_ORIGIN"));
});

check("origin-7", "without a cookie there is nothing to ride on: 401; ours refuses another origin in any case", async (world) => {
  const browser = world.browser();
  answered(await browser.ask("POST", WRITE, { json: { name: "Eve" } }), 401, "UNAUTHORIZED");
  const answer = await browser.ask("POST", WRITE, { json: { name: "Eve" }, headers: { origin: FOREIGN } });
  answered(answer, ...world.side([403, "INVALID_ORIGIN"], [401, "UNAUTHORIZED"]));
});

check("origin-8", "GET is not asked where it comes from", async (world) => {
  const { browser, user } = await world.person();
  const answer = await browser.ask("GET", "/api/auth/get-session", { headers: { origin: FOREIGN } });
  assert.equal(answer.json.user.id, user.id);
});

check("origin-9", "a first sign-in by a page of another site is refused", async (world) => {
  const { email } = await world.person();
  const headers = { ...NAVIGATION, "sec-fetch-site": "cross-site", origin: FOREIGN };
  const browser = world.browser();
  const json = answered(await browser.ask("POST", SIGN_IN, { json: { email, password: PASSWORD }, headers }), 403, "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED").json;
  assert.ok(json.message);
  const body = new URLSearchParams({ email, password: PASSWORD }).toString();
  const form = { ...headers, "content-type": "application/x-www-form-urlencoded" };
  answered(await browser.ask("POST", SIGN_IN, { body, headers: form }), 403, "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED");
  assert.equal(browser.cookies.size, 0);
});

check("origin-10", "so is a first sign-up", async (world) => {
  const headers = { ...NAVIGATION, "sec-fetch-site": "cross-site", origin: FOREIGN };
  const json = { email: world.email(), password: PASSWORD, name: "Eve" };
  answered(await world.browser().ask("POST", SIGN_UP, { json, headers }), 403, "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED");
});

check("origin-11", "by a script of another site as well", async (world) => {
  const { email } = await world.person();
  const headers = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors", origin: FOREIGN };
  answered(await world.browser().ask("POST", SIGN_IN, { json: { email, password: PASSWORD }, headers }), 403, "INVALID_ORIGIN");
});

check("origin-12", "a browser that says Sec-Fetch has to say Origin", async (world) => {
  const { email } = await world.person();
  const headers = { "sec-fetch-mode": "cors", "sec-fetch-site": "same-origin" };
  answered(await world.browser().ask("POST", SIGN_IN, { json: { email, password: PASSWORD }, headers }), 403, "MISSING_OR_NULL_ORIGIN");
});

check("origin-13", "a program that says neither signs in", async (world) => {
  const { email } = await world.person();
  answered(await world.browser().ask("POST", SIGN_IN, { json: { email, password: PASSWORD } }), 200);
});

check("origin-14", "one that says another Origin does not", async (world) => {
  const { email } = await world.person();
  for (const headers of [{ origin: FOREIGN }, { referer: `${FOREIGN}/` }]) {
    answered(await world.browser().ask("POST", SIGN_IN, { json: { email, password: PASSWORD }, headers }), 403, "INVALID_ORIGIN");
  }
});

check("origin-15", "a page of our own signs in by its form", async (world) => {
  const { email } = await world.person();
  const headers = { ...NAVIGATION, "sec-fetch-site": "same-origin", origin: world.origin, "content-type": "application/x-www-form-urlencoded" };
  const body = new URLSearchParams({ email, password: PASSWORD }).toString();
  answered(await world.browser().ask("POST", SIGN_IN, { body, headers }), 200);
});

check("origin-16", "a bearer needs no Origin, whatever it says of where it comes from", async (world) => {
  const { token } = await world.person();
  const headers = { authorization: `Bearer ${token}`, origin: FOREIGN };
  answered(await world.browser().ask("POST", WRITE, { json: { name: "Augusta" }, headers, cookies: false }), 200);
}, "bearer");

check("origin-17", "signing in beside a cookie is asked for its Origin too", async (world) => {
  const { browser, email } = await world.person();
  answered(await browser.ask("POST", SIGN_IN, { json: { email, password: PASSWORD } }), 403, "MISSING_OR_NULL_ORIGIN");
  answered(await browser.ask("POST", SIGN_IN, { json: { email, password: PASSWORD }, headers: { origin: FOREIGN } }), 403, "INVALID_ORIGIN");
});

check("origin-18", "addresses to come back to are ours, in whatever field", async (world) => {
  const { browser } = await world.person();
  for (const [field, code] of [["callbackURL", "INVALID_CALLBACK_URL"], ["errorCallbackURL", "INVALID_ERROR_CALLBACK_URL"], ["newUserCallbackURL", "INVALID_NEW_USER_CALLBACK_URL"], ["redirectTo", "INVALID_REDIRECT_URL"]]) {
    const json = { email: world.email(), password: PASSWORD, [field]: `${FOREIGN}/` };
    const [status, said] = field === "callbackURL" ? [403, code] : world.side([401, "INVALID_EMAIL_OR_PASSWORD"], [403, code]);
    answered(await browser.post(SIGN_IN, json), status, said); // what leads nowhere is not looked at
  }
  assert.equal((await browser.post(SIGN_IN, { email: world.email(), password: PASSWORD, callbackURL: 7 })).status, 400);
});
