// What somebody does who means harm, or who only holds what they should not hold any more.
import assert from "node:assert/strict";
import { answered, check, done, PASSWORD, refused, session } from "./better_auth_world.mjs";

const READ = "/api/auth/get-session";
const LIST = "/api/auth/list-sessions";
const sure = async (client) => done(await client.getSession({ query: { disableCookieCache: true } }));

// Ada has a phone that was stolen: it has just been used, so that it holds a cached copy, and is then revoked.
async function robbed(world) {
  const ada = await world.person();
  const phone = await world.again(ada);
  await session(phone.client);
  done(await ada.client.revokeOtherSessions());
  return { ada, phone };
}

// ── revoked means revoked ────────────────────────────────────────────────────────────────────

check("revoked-1", "a revoked device that holds a cached copy is nobody", async (world) => {
  const { phone } = await robbed(world);
  assert.equal(Boolean(await session(phone.client)), world.side(false, true));
}, "cache");

check("revoked-2", "it does not see the other sessions, nor what to call them by", async (world) => {
  const { phone } = await robbed(world);
  const { status } = await phone.browser.get(LIST);
  assert.equal(status, world.side(401, 200));
}, "cache");

check("revoked-3", "it writes nothing", async (world) => {
  const { ada, phone } = await robbed(world);
  const { status } = await phone.browser.post("/api/auth/update-user", { name: "Eve" });
  assert.equal(status, world.side(401, 200));
  assert.equal((await sure(ada.client)).user.name, world.side("Ada", "Eve"));
}, "cache");

check("revoked-4", "it gets no token for other servers", async (world) => {
  const { phone } = await robbed(world);
  assert.equal((await phone.browser.get("/api/auth/token")).status, world.side(401, 200));
  assert.equal("set-auth-jwt" in (await phone.browser.get(READ)).headers, world.side(false, true));
}, ["cache", "jwt"]);

check("revoked-5", "whoever copied all cookies has nothing after the sign-out", async (world) => {
  const { browser, client } = await world.person();
  await session(client);
  const thief = browser.stolen();
  done(await client.signOut());
  assert.equal((await thief.get(READ)).text !== "null", world.side(false, true));
}, "cache");

check("revoked-6", "every other way to end it is felt at once as well", async (world) => {
  const ways = {
    revokeSession: async (ada, phone) => ada.client.revokeSession({ token: (await session(phone.client)).session.token }),
    revokeSessions: (ada) => ada.client.revokeSessions(),
    changePassword: (ada) => ada.client.changePassword({ currentPassword: PASSWORD, newPassword: "another one 7", revokeOtherSessions: true }),
    deleteUser: (ada) => ada.client.deleteUser({ password: PASSWORD }),
  };
  for (const [way, act] of Object.entries(ways)) {
    const ada = await world.person();
    const phone = await world.again(ada);
    await session(phone.client);
    done(await act(ada, phone));
    const statuses = [(await phone.browser.get(READ)).text === "null", (await phone.browser.get(LIST)).status];
    assert.equal(statuses[0], world.side(true, false), way);
    assert.equal(statuses[1] === 401, world.side(true, false), way);
  }
}, ["cache", "delete"]);

check("revoked-7", "an administrator's ban is felt at once, on every route", async (world) => {
  const { client } = await world.admin();
  const ada = await world.person();
  await session(ada.client);
  done(await client.admin.banUser({ userId: ada.user.id }));
  assert.equal((await ada.browser.get(READ)).text === "null", world.side(true, false));
  assert.equal((await ada.browser.post("/api/auth/update-user", { name: "Eve" })).status, world.side(401, 200));
}, ["cache", "admin"]);

check("revoked-8", "an administrator who is out is out, on routes of administrators too", async (world) => {
  const here = await world.admin();
  const there = await world.admin();
  await session(there.client);
  done(await here.client.revokeSession({ token: (await session(there.client)).session.token }));
  assert.equal((await there.browser.get("/api/auth/admin/list-users")).status, 401);
}, "admin");

// ── at once ──────────────────────────────────────────────────────────────────────────────────

check("race-1", "sign-ins at the same moment: the list shows each", async (world) => {
  assert.equal(await lost(world, (_, rows) => rows.length !== 4), world.side(false, true));
});

check("race-2", "and revoking all others ends each", async (world) => {
  const alive = async (devices) => (await Promise.all(devices.map(({ client }) => sure(client)))).some(Boolean);
  const survived = async (devices, _, ada) => {
    done(await ada.client.revokeOtherSessions());
    return alive(devices);
  };
  assert.equal(await lost(world, survived), world.side(false, true));
});

// Whether in one of some rounds, in which three devices sign in at once, *wrong* finds what must not be.
// Theirs goes wrong in most rounds, but not in each.
async function lost(world, wrong) {
  for (let round = 0; round < world.side(4, 30); round++) {
    const ada = await world.person({ origin: world.origins.storage });
    const devices = await Promise.all([1, 2, 3].map(() => world.again(ada)));
    if (await wrong(devices, done(await ada.client.listSessions()), ada)) return true;
  }
  return false;
}

check("race-3", "a refresh that is on its way brings nothing back that is revoked meanwhile", async (world) => {
  let back = false;
  for (let round = 0; round < world.side(4, 30) && !back; round++) back = await broughtBack(world);
  assert.equal(back, world.side(false, true));
}, "race");

check("race-6", "tabs that ask at the same moment, when a refresh is due, are all answered, and stay signed in", async (world) => {
  const { ada, phone } = await due(world);
  const tabs = Array.from({ length: 8 }, () => session(phone.client));
  for (const found of await Promise.all(tabs)) assert.equal(found.user.email, ada.email);
  assert.equal((await sure(phone.client)).user.email, ada.email);
  assert.equal(done(await ada.client.listSessions()).length, 2);
}, "race");

check("race-7", "asked not to refresh, it writes no cookie, whatever is due", async (world) => {
  const { ada, phone } = await due(world);
  const answer = await phone.browser.get(`${READ}?disableRefresh=true`);
  assert.equal(answer.json.user.email, ada.email);
  assert.equal(answer.headers["set-cookie"], undefined);
}, "race");

check("race-8", "otherwise a cookie that is due is renewed with the answer", async (world) => {
  const { ada, phone } = await due(world);
  const before = phone.browser.cookie();
  assert.equal((await session(phone.client)).user.email, ada.email);
  assert.equal(phone.browser.cookie() === before, world.side(false, true)); // theirs is one and the same for ever
}, "race");

async function broughtBack(world) {
  const { ada, phone } = await due(world);
  const [{ token }] = done(await ada.client.listSessions()).filter(({ userAgent }) => userAgent !== ada.browser.agent);
  const revoking = ada.client.revokeSession({ token });
  const copies = Array.from({ length: 40 }, (_, number) => pause(5 * number).then(() => phone.browser.stolen().get(READ)));
  await Promise.all([revoking, ...copies]);
  return Boolean(await sure(phone.client)) || done(await ada.client.listSessions()).length !== 1;
}

// Ada, and a phone of hers whose session is due to be refreshed: theirs is at every use.
async function due(world) {
  const [known] = world.due.splice(0, 1);
  const ada = known ? await world.again({ ...known, browser: world }) : await world.person({ origin: world.origins.storage });
  const phone = { browser: world.browser(ada.browser.origin, { agent: "Analytical/1" }) };
  phone.client = world.client(phone.browser);
  if (known) phone.browser.keep(...known.cookie.split(/=(.*)/s));
  else done(await phone.client.signIn.email({ email: ada.email, password: PASSWORD }));
  return { ada, phone };
}

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

check("race-4", "of many that revoke the same session at once, none fails", async (world) => {
  const ada = await world.person();
  const phone = await world.again(ada);
  const { token } = (await session(phone.client)).session;
  const said = await Promise.all(Array.from({ length: 8 }, () => ada.client.revokeSession({ token })));
  for (const one of said) assert.deepEqual(done(one), { status: true });
  assert.equal(await sure(phone.client), null);
});

check("race-5", "of several who sign up with one address at once, one is it", async (world) => {
  const email = world.email();
  const said = await Promise.all([1, 2, 3, 4].map(() => world.client(world.browser()).signUp.email({ email, password: PASSWORD, name: "" })));
  const in_ = said.filter(({ error }) => error === null).length;
  assert.ok(in_ === 1 || !world.ours, `${in_} accounts`);
  for (const { error } of said) if (error) assert.equal(error.status, 422);
});

// ── acting as somebody ───────────────────────────────────────────────────────────────────────

check("outlive-1", "whoever acts as somebody stops with the administrator's session", async (world) => {
  const desk = await world.ownAdmin();
  const elsewhere = await world.again(desk);
  const ada = await world.person();
  done(await desk.client.admin.impersonateUser({ userId: ada.user.id }));
  done(await elsewhere.client.revokeOtherSessions());
  assert.equal((await sure(desk.client))?.user.id, world.side(undefined, ada.user.id));
  const { status } = await desk.browser.post("/api/auth/update-user", { name: "Eve" });
  assert.equal(status, world.side(401, 200));
}, "admin");

check("outlive-2", "and with the administrator's being one", async (world) => {
  const { client } = await world.admin();
  const eve = await world.person();
  const ada = await world.person();
  done(await client.admin.setRole({ userId: eve.user.id, role: "admin" }));
  const desk = await world.again(eve);
  done(await desk.client.admin.impersonateUser({ userId: ada.user.id }));
  done(await client.admin.banUser({ userId: eve.user.id }));
  assert.equal((await sure(desk.client))?.user.id, world.side(undefined, ada.user.id));
}, "admin");

check("outlive-3", "an administrator's cookie that was put away is no way back in once it is revoked", async (world) => {
  const desk = await world.ownAdmin();
  const elsewhere = await world.again(desk);
  const ada = await world.person();
  done(await desk.client.admin.impersonateUser({ userId: ada.user.id }));
  done(await elsewhere.client.revokeOtherSessions());
  const { error } = await desk.client.admin.stopImpersonating();
  assert.ok(error && error.status >= 400);
  assert.notEqual((await sure(desk.client))?.user.role, "admin");
}, "admin");

check("outlive-4", "a copy of the cookies does nothing after the administrator has stopped", async (world) => {
  const desk = await world.admin();
  const ada = await world.person();
  done(await desk.client.admin.impersonateUser({ userId: ada.user.id }));
  await session(desk.client);
  const thief = desk.browser.stolen();
  done(await desk.client.admin.stopImpersonating());
  const found = (await thief.get(READ)).json;
  assert.equal(found?.user?.id === ada.user.id, world.side(false, true));
}, ["admin", "cache"]);

check("outlive-5", "so does a program that bears the token of an impersonation", async (world) => {
  const desk = await world.ownAdmin();
  const ada = await world.person();
  done(await desk.client.admin.impersonateUser({ userId: ada.user.id }));
  const program = world.bearer(desk.browser.last.headers["set-auth-token"]);
  assert.equal((await program.get(READ)).json.user.id, ada.user.id);
  done(await (await world.again(desk)).client.revokeOtherSessions());
  assert.equal((await program.get(READ)).json?.user?.id, world.side(undefined, ada.user.id));
}, ["admin", "bearer"]);

check("outlive-6", "other servers, which could not see that it is over, are handed no token of an impersonation", async (world) => {
  const { browser, client } = await world.admin();
  const ada = await world.person();
  done(await client.admin.impersonateUser({ userId: ada.user.id }));
  assert.equal("set-auth-jwt" in (await browser.get(READ)).headers, world.side(false, true));
  const { status } = await browser.get("/api/auth/token");
  assert.equal(status, world.side(403, 200));
}, ["admin", "jwt"]);

check("outlive-7", "who signs in as somebody else while they act for another is only that one", async (world) => {
  const { browser, client } = await world.admin();
  const [ada, bob] = [await world.person(), await world.person({ name: "Bob" })];
  done(await client.admin.impersonateUser({ userId: ada.user.id }));
  const acting = browser.stolen();
  done(await client.signIn.email({ email: bob.email, password: PASSWORD }));
  assert.equal((await sure(client)).user.id, bob.user.id);
  assert.equal((await client.admin.stopImpersonating()).error?.status, 400);
  const found = (await acting.get(`${READ}?disableCookieCache=true`)).json;
  assert.equal(found?.user?.id, world.side(undefined, ada.user.id));
}, "admin");

check("outlive-8", "signing out while they act for somebody ends that, and their own session too", async (world) => {
  const desk = await world.ownAdmin();
  const ada = await world.person();
  const before = desk.browser.stolen();
  done(await desk.client.admin.impersonateUser({ userId: ada.user.id }));
  const acting = desk.browser.stolen();
  done(await desk.client.signOut());
  const [own, as] = await Promise.all([before, acting].map((one) => one.get(`${READ}?disableCookieCache=true`)));
  assert.equal(as.json?.user?.id, undefined);
  assert.equal(own.json?.user?.id, world.side(undefined, own.json?.user?.id));
}, "admin");

// ── X-Forwarded-For, from anybody ────────────────────────────────────────────────────────────

const forwarded = (number, network = "203.0.113") => ({ "x-forwarded-for": `${network}.${number}` });

check("forwarded-1", "who guesses at an account is stopped, whatever address they claim", async (world) => {
  const { email } = await world.person({ origin: world.origins.limited });
  const guess = (number) => attempt(world, email, number);
  assert.equal(await stopped(guess, 14), world.side(true, false));
});

check("forwarded-2", "who guesses at many accounts from one address is too", async (world) => {
  const browser = world.browser(world.origins.limited);
  const guess = (number) => attempt(world, world.email(), number, browser, "198.51.100");
  assert.equal(await stopped(guess, 40), world.side(true, false));
});

check("forwarded-3", "and is told when to come again", async (world) => {
  const { email } = await world.person({ origin: world.origins.limited });
  const browser = world.browser(world.origins.limited);
  for (let number = 0; number < 14; number++) {
    const answer = await attempt(world, email, 7, browser, "192.0.2");
    if (answer.status !== 429) continue;
    assert.ok(answer.json.message);
    assert.match(answer.headers["x-retry-after"], /^\d+$/);
    assert.equal(answer.headers["retry-after"], world.side(answer.headers["x-retry-after"], undefined));
    return;
  }
  assert.fail("never stopped");
});

check("forwarded-4", "the address of a session is that of its connection", async (world) => {
  const ada = await world.person();
  const browser = world.browser();
  answered(await browser.post("/api/auth/sign-in/email", { email: ada.email, password: PASSWORD }, forwarded(7)), 200);
  const { ipAddress } = (await browser.get(READ)).json.session;
  assert.equal(ipAddress, world.side(browser.address, "203.0.113.7"));
});

function attempt(world, email, number, browser = world.browser(world.origins.limited), network = undefined) {
  return browser.post("/api/auth/sign-in/email", { email, password: "a guess at it" }, forwarded(number, network));
}

async function stopped(guess, times) {
  for (let number = 1; number <= times; number++) if ((await guess(number)).status === 429) return true;
  return false;
}

// ── cookies that were made up ────────────────────────────────────────────────────────────────

const MULTI = /multi|-other-/;
const slots = (text) => [`better-auth.session_token_multi-${text.toLowerCase()}`, `sojourn-other-${text.replaceAll("-", "")}`];

check("forged-1", "an account that was put among the others is none", async (world) => {
  const [ada, victim] = [await world.person(), await world.person()];
  const { token, id } = (await session(victim.client)).session;
  for (const text of [token, id]) {
    const signed = `${text}.${Buffer.alloc(32).toString("base64")}`;
    for (const name of slots(text)) ada.browser.keep(name, encodeURIComponent(signed));
    const rows = done(await ada.client.multiSession.listDeviceSessions());
    assert.ok(rows.every(({ user }) => user.id !== victim.user.id));
    refused(await ada.client.multiSession.setActive({ sessionToken: text }), 401, "INVALID_SESSION_TOKEN");
    refused(await ada.client.multiSession.revoke({ sessionToken: text }), 401, "INVALID_SESSION_TOKEN");
  }
}, "multi");

check("forged-2", "signing out with it ends nobody else's session", async (world) => {
  const [ada, victim] = [await world.person(), await world.person()];
  const { token } = (await session(victim.client)).session;
  for (const name of slots(token)) ada.browser.keep(name, `${token}.${"A".repeat(43)}%3D`);
  done(await ada.client.signOut());
  assert.equal((await sure(victim.client)).user.id, victim.user.id);
}, "multi");

check("forged-3", "what a page planted before the sign-in is not what one holds after it", async (world) => {
  const eve = await world.person();
  const ada = await world.person();
  const browser = world.browser();
  browser.cookies = new Map(eve.browser.cookies);
  const client = world.client(browser);
  done(await client.signIn.email({ email: ada.email, password: PASSWORD }));
  assert.equal((await session(client)).user.id, ada.user.id);
  assert.notEqual((await session(eve.client))?.user.id, ada.user.id);
  for (const [name, { value }] of eve.browser.cookies) {
    if (!/device/.test(name) && !MULTI.test(name)) assert.notEqual(browser.cookies.get(name)?.value, value, name);
  }
});

check("forged-4", "a cached copy of one session beside the cookie of another is nobody's but the other's", async (world) => {
  const [ada, eve] = [await world.person(), await world.person()];
  for (const one of [ada, eve]) await session(one.client);
  for (const [name, { value }] of ada.browser.cookies) if (/session_data|cache/.test(name)) eve.browser.keep(name, value);
  assert.equal((await session(eve.client)).user.id, eve.user.id);
}, "cache");

// ── nothing says a credential that need not ──────────────────────────────────────────────────

check("credential-1", "what a list calls a session by opens nothing, as a bearer", async (world) => {
  const ada = await world.person();
  const other = await world.again(ada);
  const rows = done(await ada.client.listSessions());
  for (const { token, id } of rows) {
    const answer = await world.bearer(token).get(READ);
    assert.equal(answer.json?.user?.id, world.side(undefined, ada.user.id));
    assert.equal((await world.bearer(id).get(READ)).text, "null");
  }
  assert.ok(await sure(other.client));
}, "bearer");

check("credential-2", "nor as a cookie", async (world) => {
  const ada = await world.person();
  const [{ token, id }] = done(await ada.client.listSessions());
  for (const text of [token, id]) {
    const thief = world.browser();
    for (const name of ada.browser.cookies.keys()) thief.keep(name, text);
    assert.equal((await thief.get(READ)).text, "null");
  }
});

check("credential-3", "what an administrator sees of somebody's sessions opens nothing", async (world) => {
  const { client } = await world.admin();
  const ada = await world.person();
  const { sessions } = done(await client.admin.listUserSessions({ userId: ada.user.id }));
  for (const { token } of sessions) {
    const answer = await world.bearer(token).get(READ);
    assert.equal(answer.json?.user?.id, world.side(undefined, ada.user.id));
  }
}, ["admin", "bearer"]);

check("credential-4", "of all answers so far none holds a credential but those that are to hand one out", async (world) => {
  const answers = world.browsers.flatMap((browser) => browser.answers);
  const credentials = new Set(answers.flatMap(handed));
  const told = answers.filter((answer) => [...credentials].some((one) => without(answer).includes(one)));
  const paths = [...new Set(told.map(({ method, path }) => `${method} ${path.split("?")[0]}`))].sort();
  assert.equal(paths.length > 0, world.side(false, true), paths.join());
}, "all");

const HANDING = ["/api/auth/sign-in/email", "/api/auth/sign-up/email", "/api/auth/change-password"];

// The credentials that an answer hands out: by cookies, by headers, and by the `token` of three routes.
function handed({ headers, json, path }) {
  const cookies = (headers["set-cookie"] ?? []).map((line) => decodeURIComponent(line.split(/[=;]/)[1] || ""));
  const found = [...cookies, headers["set-auth-token"], HANDING.includes(path) ? json?.token : undefined];
  return found.filter((text) => text?.length >= 24);
}

function without({ json, text, path }) {
  return HANDING.includes(path) && json ? JSON.stringify({ ...json, token: null }) : text;
}
