// Signing up, in and out.
import assert from "node:assert/strict";
import { answered, check, done, PASSWORD, refused, session, until } from "./better_auth_world.mjs";
import { parsed } from "./better_auth_browser.mjs";

// The cookies of an answer that hold something, by name.
const set = ({ headers }) => (headers["set-cookie"] ?? []).map(parsed).filter(({ value }) => value);
const keeps = (answer) => set(answer).some(({ attributes }) => Number(attributes["max-age"]) > 0);
const user = ({ id, name, email, emailVerified, image, createdAt, updatedAt }) => ({
  id: typeof id, name, email, emailVerified, image: image ?? null, createdAt: createdAt instanceof Date, updatedAt: updatedAt instanceof Date,
});

// ── up ───────────────────────────────────────────────────────────────────────────────────────

check("sign-up-1", "somebody signs up, and is told who they are", async (world) => {
  const client = world.client(world.browser());
  const email = world.email();
  const said = done(await client.signUp.email({ email: email.toUpperCase(), password: PASSWORD, name: "Ada" }));
  assert.equal(typeof said.token, "string");
  assert.deepEqual(user(said.user), { id: "string", name: "Ada", email, emailVerified: false, image: null, createdAt: true, updatedAt: true });
});

check("sign-up-2", "and is signed in by an HttpOnly cookie for the whole site, which stays", async (world) => {
  const { browser, client, user } = await world.person();
  const cookies = set(browser.answers[0]);
  assert.ok(cookies.length);
  for (const { name, attributes } of cookies) {
    assert.ok("httponly" in attributes || /-hint$/.test(name), name); // which is for the page to read, and opens nothing
    assert.equal(attributes.path, "/");
    assert.equal(attributes.samesite.toLowerCase(), "lax");
  }
  assert.ok(keeps(browser.answers[0]));
  assert.equal((await session(client)).user.id, user.id);
});

check("sign-up-3", "an address that is known already is refused, in whatever case", async (world) => {
  const { email } = await world.person();
  for (const same of [email, email.toUpperCase()]) {
    const client = world.client(world.browser());
    refused(await client.signUp.email({ email: same, password: PASSWORD, name: "" }), 422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
  }
});

check("sign-up-4", "a password of 7 characters is too short, and says so", async (world) => {
  const client = world.client(world.browser());
  const error = refused(await client.signUp.email({ email: world.email(), password: "7 chars", name: "" }), 400, "PASSWORD_TOO_SHORT");
  assert.ok(error.message);
});

check("sign-up-5", "a password without end is too long, and says so", async (world) => {
  const client = world.client(world.browser());
  refused(await client.signUp.email({ email: world.email(), password: "long ".repeat(2000), name: "" }), 400, "PASSWORD_TOO_LONG");
});

check("sign-up-6", "what is no address is refused as that", async (world) => {
  const client = world.client(world.browser());
  for (const email of ["ada", "ada@", "@example.org"]) {
    const { error } = await client.signUp.email({ email, password: PASSWORD, name: "" });
    assert.equal(error.status, 400);
    assert.ok(["INVALID_EMAIL", "VALIDATION_ERROR"].includes(error.code), error.code);
  }
});

check("sign-up-7", "a name may be left empty (ours is then what stands before the @), a field that is missing is named", async (world) => {
  const { user, email } = await world.person({ name: "" });
  assert.equal(user.name, world.side(email.split("@")[0], ""));
  const browser = world.browser();
  const answer = answered(await browser.post("/api/auth/sign-up/email", { name: "Ada", password: PASSWORD }), 400, "VALIDATION_ERROR");
  assert.match(answer.json.message, /^\[body\.email\] /);
});

check("sign-up-8", "a picture is kept", async (world) => {
  const { user, client } = await world.person({ image: "https://example.org/ada.png" });
  assert.equal(user.image, "https://example.org/ada.png");
  assert.equal((await session(client)).user.image, "https://example.org/ada.png");
});

check("sign-up-9", "without rememberMe the cookie ends with the browser", async (world) => {
  const { browser, client } = await world.person({ rememberMe: false });
  const [{ attributes }] = set(browser.answers[0]).filter(({ name }) => !/device/.test(name));
  assert.equal(attributes["max-age"], undefined);
  assert.ok(await session(client));
});

check("sign-up-10", "a form does it as well as JSON", async (world) => {
  const browser = world.browser();
  const body = new URLSearchParams({ email: world.email(), password: PASSWORD, name: "Ada" }).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded", origin: world.origin };
  const answer = answered(await browser.ask("POST", "/api/auth/sign-up/email", { headers, body }), 200);
  assert.equal(answer.json.user.name, "Ada");
});

check("sign-up-11", "what a person may not decide about themselves is not decided: role, ban, id", async (world) => {
  const browser = world.browser();
  const wish = { id: "root", role: "admin", banned: true, emailVerified: true };
  const answer = await browser.post("/api/auth/sign-up/email", { email: world.email(), password: PASSWORD, name: "Eve", ...wish });
  if (answer.status !== 200) return assert.equal(answer.status, 400, answer.text);
  const { user } = answer.json;
  assert.notEqual(user.id, "root");
  assert.notEqual(user.role, "admin");
  assert.ok(!user.banned && !user.emailVerified);
});

// ── in ───────────────────────────────────────────────────────────────────────────────────────

check("sign-in-1", "somebody signs in, and is told who they are", async (world) => {
  const ada = await world.person();
  const client = world.client(world.browser());
  const said = done(await client.signIn.email({ email: ada.email, password: PASSWORD }));
  assert.equal(said.redirect, false);
  assert.equal(typeof said.token, "string");
  assert.equal(said.user.id, ada.user.id);
  assert.equal(said.url ?? undefined, undefined);
  assert.ok(said.user.createdAt instanceof Date);
});

check("sign-in-2", "a wrong password and nobody at all are answered alike", async (world) => {
  const { email } = await world.person();
  const client = world.client(world.browser());
  const wrong = refused(await client.signIn.email({ email, password: `${PASSWORD}!` }), 401, "INVALID_EMAIL_OR_PASSWORD");
  const nobody = refused(await client.signIn.email({ email: world.email(), password: PASSWORD }), 401, "INVALID_EMAIL_OR_PASSWORD");
  assert.deepEqual(wrong, nobody);
});

check("sign-in-3", "the case of an address does not matter", async (world) => {
  const { email, user } = await world.person();
  const client = world.client(world.browser());
  assert.equal(done(await client.signIn.email({ email: email.toUpperCase(), password: PASSWORD })).user.id, user.id);
});

check("sign-in-4", "with a callbackURL it says where to go, and that it is time to", async (world) => {
  const { email } = await world.person();
  const browser = world.browser();
  const answer = answered(await browser.post("/api/auth/sign-in/email", { email, password: PASSWORD, callbackURL: "/desk" }), 200);
  assert.equal(answer.json.redirect, true);
  assert.ok(answer.json.url.endsWith("/desk"));
  assert.ok(answer.headers.location.endsWith("/desk"));
});

check("sign-in-5", "a callbackURL of another site is refused", async (world) => {
  const { email } = await world.person();
  const browser = world.browser();
  for (const callbackURL of ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"]) {
    answered(await browser.post("/api/auth/sign-in/email", { email, password: PASSWORD, callbackURL }), 403, "INVALID_CALLBACK_URL");
  }
  assert.equal(browser.cookies.size, 0);
});

check("sign-in-6", "without rememberMe the cookie ends with the browser, and still works", async (world) => {
  const ada = await world.person();
  const { browser, client } = await world.again(ada, { rememberMe: false });
  assert.equal(set(browser.answers[0]).filter(({ name }) => !/device/.test(name))[0].attributes["max-age"], undefined);
  assert.equal((await session(client)).user.id, ada.user.id);
});

check("sign-in-7", "rememberMe is the default", async (world) => {
  const { browser } = await world.again(await world.person());
  assert.ok(keeps(browser.answers[0]));
});

check("sign-in-8", "a form does it as well as JSON", async (world) => {
  const { email } = await world.person();
  const body = new URLSearchParams({ email, password: PASSWORD }).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded", origin: world.origin };
  const answer = answered(await world.browser().ask("POST", "/api/auth/sign-in/email", { headers, body }), 200);
  assert.equal(answer.json.user.email, email);
});

check("sign-in-9", "a field that is missing or no text is named", async (world) => {
  const browser = world.browser();
  for (const [json, field] of [[{ email: world.email() }, "password"], [{ password: PASSWORD }, "email"], [{ email: world.email(), password: 7 }, "password"]]) {
    const answer = answered(await browser.post("/api/auth/sign-in/email", json), 400, "VALIDATION_ERROR");
    assert.ok(answer.json.message.includes(`[body.${field}] `), answer.json.message);
  }
});

check("sign-in-10", "what is no address is refused as that", async (world) => {
  const client = world.client(world.browser());
  refused(await client.signIn.email({ email: "ada", password: PASSWORD }), 400, "INVALID_EMAIL");
});

check("sign-in-11", "each sign-in is a session of its own", async (world) => {
  const ada = await world.person();
  const other = await world.again(ada);
  const [one, two] = [await session(ada.client), await session(other.client)];
  assert.notEqual(one.session.id, two.session.id);
  assert.notEqual(one.session.token, two.session.token);
  assert.equal(one.user.id, two.user.id);
});

check("sign-in-12", "signing in as somebody else, this browser is them", async (world) => {
  const [ada, bob] = [await world.person(), await world.person({ name: "Bob" })];
  done(await ada.client.signIn.email({ email: bob.email, password: PASSWORD }));
  assert.equal((await session(ada.client)).user.id, bob.user.id);
});

check("sign-in-13", "the answer with a credential is not to be stored", async (world) => {
  const { browser } = await world.again(await world.person());
  assert.equal(browser.answers[0].headers["cache-control"]?.includes("no-store") ?? false, world.side(true, false));
});

// ── out ──────────────────────────────────────────────────────────────────────────────────────

check("sign-out-1", "signing out takes every cookie of the session", async (world) => {
  const { browser, client } = await world.person();
  const before = browser.cookie();
  assert.deepEqual(done(await client.signOut()), { success: true });
  assert.equal(await session(client), null);
  for (const [name, { value }] of browser.cookies) assert.ok(/device/.test(name), `${name}=${value} is left of ${before}`);
});

check("sign-out-2", "without a session it succeeds too", async (world) => {
  const client = world.client(world.browser());
  assert.deepEqual(done(await client.signOut()), { success: true });
});

check("sign-out-3", "it needs no body, and no content type then", async (world) => {
  const { browser, client } = await world.person();
  const answer = await browser.ask("POST", "/api/auth/sign-out", { headers: { origin: world.origin } });
  answered(answer, 200);
  assert.deepEqual(answer.json, { success: true });
  assert.equal(await session(client), null);
});

check("sign-out-4", "others stay signed in", async (world) => {
  const ada = await world.person();
  const other = await world.again(ada);
  done(await ada.client.signOut());
  assert.equal((await session(other.client)).user.id, ada.user.id);
  const [row, ...more] = done(await other.client.listSessions());
  assert.equal(more.length, 0);
  assert.equal(row.token, (await session(other.client)).session.token);
});

check("sign-out-5", "after it one can sign in again in the same browser", async (world) => {
  const { client, email } = await world.person();
  done(await client.signOut());
  done(await client.signIn.email({ email, password: PASSWORD }));
  await until(async () => (await session(client))?.user.email === email);
});
