// Reading, listing, revoking and changing sessions.
import assert from "node:assert/strict";
import { answered, check, done, refused, session } from "./better_auth_world.mjs";

const READ = "/api/auth/get-session";
const TIME = /"(?:createdAt|updatedAt|expiresAt)":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[^"]*)"/g;

// ── get-session ──────────────────────────────────────────────────────────────────────────────

check("get-session-1", "nobody is null, with 200 and without a cookie touched", async (world) => {
  const browser = world.browser();
  const answer = await browser.get(READ);
  assert.deepEqual([answer.status, answer.text], [200, "null"]);
  assert.equal(answer.headers["set-cookie"], undefined);
  assert.equal(await session(world.client(browser)), null);
});

check("get-session-2", "the session and its user, in the shape that applications are typed for", async (world) => {
  const ada = await world.person();
  const found = await session(ada.client);
  assert.equal(found.session.userId, found.user.id);
  assert.equal(found.user.id, ada.user.id);
  for (const name of ["id", "token", "userId", "ipAddress", "userAgent"]) assert.equal(typeof found.session[name], "string", name);
  for (const name of ["createdAt", "updatedAt", "expiresAt"]) assert.ok(found.session[name] instanceof Date, name);
  for (const name of ["createdAt", "updatedAt"]) assert.ok(found.user[name] instanceof Date, name);
  assert.equal(found.session.userAgent, ada.browser.agent);
  assert.equal(found.session.impersonatedBy ?? null, null);
});

check("get-session-3", "the times are those of now, give or take nothing", async (world) => {
  const before = Date.now();
  const { session: found } = await session((await world.person()).client);
  const after = Date.now();
  assert.ok(before - 1000 <= +found.createdAt && +found.createdAt <= after, `${found.createdAt}`);
  assert.ok(+found.expiresAt > after + 3_600_000);
});

check("get-session-4", "each time has three digits of a second and a Z: more are misread", async (world) => {
  const { browser } = await world.person();
  const times = [...(await browser.get(READ)).text.matchAll(TIME)].map(([, time]) => time);
  assert.ok(times.length >= 5);
  for (const time of times) assert.match(time, /\.\d{3}Z$/);
});

check("get-session-5", "it is not to be stored", async (world) => {
  for (const browser of [world.browser(), (await world.person()).browser]) {
    const { headers } = await browser.get(READ);
    assert.ok(headers["cache-control"].includes("no-store"));
    assert.equal(headers.pragma, "no-cache");
  }
});

check("get-session-6", "past the cache, without a refresh, or as it comes: the same session", async (world) => {
  const { client } = await world.person();
  const plain = await session(client);
  for (const query of [{ disableCookieCache: true }, { disableCookieCache: false }, { disableRefresh: true }, { disableRefresh: false, disableCookieCache: true }]) {
    const { session: found, user } = done(await client.getSession({ query }));
    assert.deepEqual([found.id, found.token, user], [plain.session.id, plain.session.token, plain.user]);
  }
});

check("get-session-7", "a cookie that was tampered with is nobody's", async (world) => {
  const { browser } = await world.person();
  for (const [name, { value }] of browser.cookies) browser.keep(name, value.replace(/[A-Za-z]/, (letter) => (letter === "x" ? "y" : "x")));
  const answer = await browser.get(READ);
  assert.deepEqual([answer.status, answer.text], [200, "null"]);
});

check("get-session-8", "rubbish in the cookies is nobody's, and no fault", async (world) => {
  const { browser } = await world.person();
  const names = [...browser.cookies.keys()];
  for (const value of ["", "%", "%zz", "a.b", "x".repeat(3000), "é"]) {
    browser.cookies = new Map();
    for (const name of names) browser.keep(name, value === "é" ? encodeURIComponent(value) : value);
    const answer = await browser.get(READ);
    assert.deepEqual([answer.status, answer.text], [200, "null"], value.slice(0, 10));
  }
});

check("get-session-9", "the cookie of a session that is over is cleared, and null the answer", async (world) => {
  const ada = await world.person();
  const other = await world.again(ada);
  done(await other.client.revokeSessions());
  const answer = await ada.browser.get(`${READ}?disableCookieCache=true`);
  assert.deepEqual([answer.status, answer.text], [200, "null"]);
  for (const name of ada.browser.cookies.keys()) assert.match(name, /device|_multi|-other-/);
});

check("get-session-10", "POST is for deferral only", async (world) => {
  const { browser } = await world.person();
  answered(await browser.post(READ), 405, "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED");
});

check("get-session-11", "asked many times at once, it is the same session each time", async (world) => {
  const { client } = await world.person();
  const found = await Promise.all(Array.from({ length: 12 }, () => session(client)));
  assert.equal(new Set(found.map((one) => one.session.id)).size, 1);
  assert.equal(new Set(found.map((one) => one.session.token)).size, 1);
});

check("get-session-12", "without the cached copy, or with a broken one, the session is found all the same", async (world) => {
  const { browser, client, user } = await world.person();
  await session(client);
  const cached = [...browser.cookies.keys()].filter((name) => /session_data|cache/.test(name));
  assert.ok(cached.length, [...browser.cookies.keys()].join());
  for (const act of [(name) => browser.cookies.delete(name), (name) => browser.keep(name, "broken")]) {
    for (const name of cached) act(name);
    assert.equal((await session(client)).user.id, user.id);
  }
}, "cache");

// ── deferral ─────────────────────────────────────────────────────────────────────────────────

check("defer-1", "GET says whether a refresh is due, and writes nothing", async (world) => {
  const { browser } = await world.person({ origin: world.origins.defer });
  const first = await due(browser);
  assert.equal(first.headers["set-cookie"]?.length ?? 0, 0);
  const again = await browser.get(READ);
  assert.deepEqual(again.json.session, first.json.session);
}, "defer");

check("defer-2", "POST refreshes, and answers with the session", async (world) => {
  const { browser, user } = await world.person({ origin: world.origins.defer });
  const before = (await due(browser)).json;
  const answer = answered(await browser.post(READ), 200);
  assert.equal(answer.json.user.id, user.id);
  assert.equal(answer.json.session.id, before.session.id);
  assert.ok(answer.headers["set-cookie"].length);
  assert.ok(new Date(answer.json.session.expiresAt) >= new Date(before.session.expiresAt));
  assert.equal((await browser.get(READ)).json.user.id, user.id);
}, "defer");

check("defer-3", "POST of nobody is null", async (world) => {
  const browser = world.browser(world.origins.defer);
  const answer = await browser.post(READ);
  assert.deepEqual([answer.status, answer.text], [200, "null"]);
}, "defer");

async function due(browser) {
  for (;;) {
    const answer = answered(await browser.get(READ), 200);
    assert.equal(typeof answer.json.needsRefresh, "boolean");
    if (answer.json.needsRefresh) return answer;
    await new Promise((done) => setTimeout(done, 20));
  }
}

// ── list-sessions ────────────────────────────────────────────────────────────────────────────

check("list-sessions-1", "every session of the user, this one among them", async (world) => {
  const ada = await world.person();
  const other = await world.again(ada);
  const rows = done(await ada.client.listSessions());
  const mine = await session(ada.client);
  const theirs = await session(other.client);
  assert.deepEqual(new Set(rows.map(({ id }) => id)), new Set([mine.session.id, theirs.session.id]));
  assert.equal(rows.find(({ id }) => id === mine.session.id).token, mine.session.token);
  assert.equal(rows.find(({ token }) => token === theirs.session.token).id, theirs.session.id);
});

check("list-sessions-2", "each in the shape of a session", async (world) => {
  const ada = await world.person();
  const [row] = done(await ada.client.listSessions());
  assert.equal(row.userId, ada.user.id);
  assert.equal(row.userAgent, ada.browser.agent);
  for (const name of ["createdAt", "updatedAt", "expiresAt"]) assert.ok(row[name] instanceof Date, name);
  for (const [, time] of ada.browser.last.text.matchAll(TIME)) assert.match(time, /\.\d{3}Z$/);
});

check("list-sessions-3", "nobody's are nobody's: 401 with words and a code", async (world) => {
  const error = refused(await world.client(world.browser()).listSessions(), 401, "UNAUTHORIZED");
  assert.equal(error.message, "Unauthorized");
});

check("list-sessions-4", "of nobody else", async (world) => {
  const [ada, bob] = [await world.person(), await world.person()];
  for (const one of [ada, bob]) assert.deepEqual(done(await one.client.listSessions()).map(({ userId }) => userId), [one.user.id]);
});

check("list-sessions-5", "a session of days ago may still look at the list", async (world) => {
  const browser = world.browser();
  browser.keep(...world.aged.admin.split(/=(.*)/s));
  const answer = await browser.get("/api/auth/list-sessions");
  const [status, code] = world.side([200, undefined], [403, "SESSION_NOT_FRESH"]);
  answered(answer, status, code);
}, "aged");

check("list-sessions-6", "which one is asked from is marked", async (world) => {
  const ada = await world.person();
  await world.again(ada);
  const rows = done(await ada.client.listSessions());
  const mine = (await session(ada.client)).session.id;
  assert.deepEqual(rows.filter(({ current }) => current).map(({ id }) => id), world.side([mine], []));
});

// ── revoke-session ───────────────────────────────────────────────────────────────────────────

check("revoke-session-1", "another device is out, this one stays", async (world) => {
  const ada = await world.person();
  const other = await world.again(ada);
  const { token } = (await session(other.client)).session;
  assert.deepEqual(done(await ada.client.revokeSession({ token })), { status: true });
  assert.equal(done(await other.client.getSession({ query: { disableCookieCache: true } })), null);
  assert.equal(done(await ada.client.listSessions()).length, 1);
  assert.ok(await session(ada.client));
});

check("revoke-session-2", "what is unknown, or was revoked already, is no error", async (world) => {
  const ada = await world.person();
  const other = await world.again(ada);
  const { token } = (await session(other.client)).session;
  for (const text of [token, token, "no such", ""]) assert.deepEqual(done(await ada.client.revokeSession({ token: text })), { status: true });
});

check("revoke-session-3", "somebody else's is not touched, and not told about", async (world) => {
  const [ada, bob] = [await world.person(), await world.person()];
  const { token, id } = (await session(bob.client)).session;
  for (const text of [token, id]) assert.deepEqual(done(await ada.client.revokeSession({ token: text })), { status: true });
  assert.equal(done(await bob.client.getSession({ query: { disableCookieCache: true } })).user.id, bob.user.id);
});

check("revoke-session-4", "one's own is signing out, cookies and all", async (world) => {
  const { browser, client } = await world.person();
  const { token } = (await session(client)).session;
  done(await client.revokeSession({ token }));
  const left = [...browser.cookies.keys()].filter((name) => !/device|_multi|-other-/.test(name));
  assert.equal(left.length === 0, world.side(true, false)); // 1.7.24 clears them too
  assert.equal(done(await client.getSession({ query: { disableCookieCache: true } })), null);
});

check("revoke-session-5", "without a session nothing is revoked", async (world) => {
  const ada = await world.person();
  const { token } = (await session(ada.client)).session;
  refused(await world.client(world.browser()).revokeSession({ token }), 401, "UNAUTHORIZED");
  assert.ok(done(await ada.client.getSession({ query: { disableCookieCache: true } })));
});

check("revoke-session-6", "without a token there is nothing to revoke", async (world) => {
  const { browser, client } = await world.person();
  for (const json of [{}, { token: 7 }, { token: null }]) {
    const answer = answered(await browser.post("/api/auth/revoke-session", json), 400, "VALIDATION_ERROR");
    assert.match(answer.json.message, /^\[body\.token\] /);
  }
  const { error } = await client.revokeSession({}); // which their client sends as GET
  assert.ok([404, 405].includes(error.status), error.status);
  assert.ok(await session(client));
});

check("revoke-sessions-1", "everything ends, this session too", async (world) => {
  const ada = await world.person();
  const other = await world.again(ada);
  assert.deepEqual(done(await ada.client.revokeSessions()), { status: true });
  for (const { client } of [ada, other]) assert.equal(done(await client.getSession({ query: { disableCookieCache: true } })), null);
});

check("revoke-sessions-2", "of nobody else, and not without a session", async (world) => {
  const [ada, bob] = [await world.person(), await world.person()];
  done(await ada.client.revokeSessions());
  assert.ok(done(await bob.client.getSession({ query: { disableCookieCache: true } })));
  refused(await world.client(world.browser()).revokeSessions(), 401, "UNAUTHORIZED");
});

check("revoke-others-1", "everything ends but this session", async (world) => {
  const ada = await world.person();
  const others = [await world.again(ada), await world.again(ada)];
  assert.deepEqual(done(await ada.client.revokeOtherSessions()), { status: true });
  for (const { client } of others) assert.equal(done(await client.getSession({ query: { disableCookieCache: true } })), null);
  assert.equal(done(await ada.client.listSessions()).length, 1);
  assert.ok(done(await ada.client.getSession({ query: { disableCookieCache: true } })));
});

check("revoke-others-2", "with no others, and without a session", async (world) => {
  const ada = await world.person();
  assert.deepEqual(done(await ada.client.revokeOtherSessions()), { status: true });
  refused(await world.client(world.browser()).revokeOtherSessions(), 401, "UNAUTHORIZED");
});

check("revoke-others-3", "bodies: none, empty, or {} are one and the same", async (world) => {
  const { browser } = await world.person();
  for (const given of [{}, { json: {} }, { body: "" }]) {
    answered(await browser.ask("POST", "/api/auth/revoke-other-sessions", { headers: { origin: world.origin }, ...given }), 200);
  }
});

// ── update-session ───────────────────────────────────────────────────────────────────────────

check("update-session-1", "a field that the application allows is set, and stays", async (world) => {
  const { client } = await world.person();
  const said = done(await client.updateSession({ theme: "dark" }));
  assert.equal(said.session.theme, "dark");
  assert.ok(said.session.expiresAt instanceof Date);
  assert.equal((await session(client)).session.theme, "dark");
  assert.equal(done(await client.getSession({ query: { disableCookieCache: true } })).session.theme, "dark");
}, "fields");

check("update-session-2", "core fields are no one's to set", async (world) => {
  const { browser, client } = await world.person();
  const before = (await session(client)).session;
  const answer = await browser.post("/api/auth/update-session", { userId: "root", token: "t", expiresAt: "2099-01-01T00:00:00.000Z", ipAddress: "9.9.9.9" });
  assert.equal(answer.status, 400, answer.text);
  const after = done(await client.getSession({ query: { disableCookieCache: true } })).session;
  assert.deepEqual([after.userId, after.token, after.ipAddress, +after.expiresAt], [before.userId, before.token, before.ipAddress, +before.expiresAt]);
}, "fields");

check("update-session-3", "nothing to set is refused in these words", async (world) => {
  const { browser } = await world.person();
  const answer = await browser.post("/api/auth/update-session", {});
  assert.deepEqual([answer.status, answer.json.message], [400, "No fields to update"]);
}, "fields");

check("update-session-4", "without a session it is refused", async (world) => {
  refused(await world.client(world.browser()).updateSession({ theme: "dark" }), 401, "UNAUTHORIZED");
}, "fields");

check("update-session-5", "a list is not what it wants", async (world) => {
  const { browser } = await world.person();
  const answer = await browser.post("/api/auth/update-session", ["theme"]);
  assert.equal(answer.status, 400);
}, "fields");
