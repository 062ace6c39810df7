// What people change about themselves.
import assert from "node:assert/strict";
import { answered, check, done, PASSWORD, refused, session, until } from "./better_auth_world.mjs";

const ANOTHER = "analytical engine no. 3";
const sure = async (client) => done(await client.getSession({ query: { disableCookieCache: true } }));

// ── update-user ──────────────────────────────────────────────────────────────────────────────

check("update-user-1", "a name and a picture, seen at once where they were changed", async (world) => {
  const { client } = await world.person();
  assert.deepEqual(done(await client.updateUser({ name: "Augusta", image: "https://example.org/a.png" })), { status: true });
  const { user } = await session(client);
  assert.deepEqual([user.name, user.image], ["Augusta", "https://example.org/a.png"]);
});

check("update-user-2", "and in other browsers, which hold a cached copy", async (world) => {
  const ada = await world.person();
  const other = await world.again(ada);
  await session(other.client);
  done(await ada.client.updateUser({ name: "Augusta" }));
  assert.equal((await session(other.client)).user.name, world.side("Augusta", "Ada"));
  assert.equal((await sure(other.client)).user.name, "Augusta");
});

check("update-user-3", "a picture can be taken away", async (world) => {
  const { client } = await world.person({ image: "https://example.org/a.png" });
  done(await client.updateUser({ image: null }));
  assert.equal((await sure(client)).user.image, null);
});

check("update-user-4", "an address is not changed here", async (world) => {
  const { client, email } = await world.person();
  refused(await client.updateUser({ email: world.email() }), 400, "EMAIL_CAN_NOT_BE_UPDATED");
  assert.equal((await sure(client)).user.email, email);
});

check("update-user-5", "nothing to change is refused in these words", async (world) => {
  const { browser } = await world.person();
  const answer = await browser.post("/api/auth/update-user", {});
  assert.deepEqual([answer.status, answer.json.message], [400, "No fields to update"]);
});

check("update-user-6", "nobody makes themselves an administrator, nor verified, nor somebody else", async (world) => {
  const { browser, client, user } = await world.person();
  const answer = await browser.post("/api/auth/update-user", { name: "Eve", role: "admin", emailVerified: true, banned: false, id: "root" });
  assert.ok([200, 400].includes(answer.status));
  const after = (await sure(client)).user;
  assert.equal(after.id, user.id);
  assert.notEqual(after.role, "admin");
  assert.equal(after.emailVerified, false);
});

check("update-user-7", "without a session it is refused", async (world) => {
  refused(await world.client(world.browser()).updateUser({ name: "x" }), 401, "UNAUTHORIZED");
});

check("update-user-8", "what is no text is no picture", async (world) => {
  const { browser } = await world.person();
  const { status } = await browser.post("/api/auth/update-user", { image: 7 });
  assert.equal(status, world.side(400, 200));
});

check("update-user-9", "when it was changed is told", async (world) => {
  const { client, user } = await world.person();
  await until(async () => Date.now() > +user.updatedAt);
  done(await client.updateUser({ name: "Augusta" }));
  const after = (await sure(client)).user;
  assert.ok(after.updatedAt > user.updatedAt);
  assert.deepEqual(after.createdAt, user.createdAt);
});

// ── change-password ──────────────────────────────────────────────────────────────────────────

check("change-password-1", "the old one does not do any more, the new one does", async (world) => {
  const ada = await world.person();
  const said = done(await ada.client.changePassword({ currentPassword: PASSWORD, newPassword: ANOTHER }));
  assert.equal(said.user.id, ada.user.id);
  assert.ok(said.user.createdAt instanceof Date);
  const client = world.client(world.browser());
  refused(await client.signIn.email({ email: ada.email, password: PASSWORD }), 401, "INVALID_EMAIL_OR_PASSWORD");
  done(await client.signIn.email({ email: ada.email, password: ANOTHER }));
});

check("change-password-2", "this browser stays signed in, whether or not others go", async (world) => {
  for (const revokeOtherSessions of [undefined, false, true]) {
    const { client, user } = await world.person();
    done(await client.changePassword({ currentPassword: PASSWORD, newPassword: ANOTHER, revokeOtherSessions }));
    assert.equal((await sure(client)).user.id, user.id);
  }
});

check("change-password-3", "asked to, it ends every other session", async (world) => {
  const ada = await world.person();
  const other = await world.again(ada);
  const said = done(await ada.client.changePassword({ currentPassword: PASSWORD, newPassword: ANOTHER, revokeOtherSessions: true }));
  assert.equal(typeof said.token, "string");
  assert.equal(await sure(other.client), null);
  assert.equal(done(await ada.client.listSessions()).length, 1);
});

check("change-password-4", "the token that it answers then is one", async (world) => {
  const { client, user } = await world.person();
  const { token } = done(await client.changePassword({ currentPassword: PASSWORD, newPassword: ANOTHER, revokeOtherSessions: true }));
  assert.equal((await world.bearer(token).get("/api/auth/get-session")).json.user.id, user.id);
}, "bearer");

check("change-password-5", "a wrong one changes nothing", async (world) => {
  const ada = await world.person();
  refused(await ada.client.changePassword({ currentPassword: "wrong one", newPassword: ANOTHER }), 400, "INVALID_PASSWORD");
  await world.again(ada);
});

check("change-password-6", "a new one that is too short, or too long", async (world) => {
  const { client } = await world.person();
  refused(await client.changePassword({ currentPassword: PASSWORD, newPassword: "7 chars" }), 400, "PASSWORD_TOO_SHORT");
  refused(await client.changePassword({ currentPassword: PASSWORD, newPassword: "long ".repeat(2000) }), 400, "PASSWORD_TOO_LONG");
});

check("change-password-7", "without a session it is refused", async (world) => {
  const client = world.client(world.browser());
  refused(await client.changePassword({ currentPassword: PASSWORD, newPassword: ANOTHER }), 401, "UNAUTHORIZED");
});

check("change-password-8", "what is missing is named", async (world) => {
  const { browser } = await world.person();
  const answer = answered(await browser.post("/api/auth/change-password", { newPassword: ANOTHER }), 400, "VALIDATION_ERROR");
  assert.match(answer.json.message, /\[body\.currentPassword\] /);
});

// ── list-accounts ────────────────────────────────────────────────────────────────────────────

check("list-accounts-1", "how somebody signs in", async (world) => {
  const { client, user } = await world.person();
  const [account, ...more] = done(await client.listAccounts());
  assert.equal(more.length, 0);
  assert.deepEqual([account.providerId, account.accountId, account.userId, account.scopes], ["credential", user.id, user.id, []]);
  assert.equal(typeof account.id, "string");
  assert.ok(account.createdAt instanceof Date && account.updatedAt instanceof Date);
});

check("list-accounts-2", "without what is secret about it", async (world) => {
  const { browser, client } = await world.person();
  done(await client.listAccounts());
  assert.doesNotMatch(browser.last.text, /password|hash|scrypt|argon|accessToken|refreshToken|idToken/i);
});

check("list-accounts-3", "without a session it is refused", async (world) => {
  refused(await world.client(world.browser()).listAccounts(), 401, "UNAUTHORIZED");
});

// ── delete-user ──────────────────────────────────────────────────────────────────────────────

check("delete-user-1", "with the password one's account is gone, with all sessions", async (world) => {
  const ada = await world.person();
  const other = await world.again(ada);
  assert.deepEqual(done(await ada.client.deleteUser({ password: PASSWORD })), { success: true, message: "User deleted" });
  for (const { client } of [ada, other]) assert.equal(await sure(client), null);
  const client = world.client(world.browser());
  refused(await client.signIn.email({ email: ada.email, password: PASSWORD }), 401, "INVALID_EMAIL_OR_PASSWORD");
}, "delete");

check("delete-user-2", "a wrong password deletes nobody", async (world) => {
  const { client, user } = await world.person();
  refused(await client.deleteUser({ password: "wrong one" }), 400, "INVALID_PASSWORD");
  assert.equal((await sure(client)).user.id, user.id);
}, "delete");

check("delete-user-3", "who has just signed in need not say it again", async (world) => {
  const { client } = await world.person();
  assert.equal(done(await client.deleteUser()).success, true);
  assert.equal(await session(client), null);
}, "delete");

check("delete-user-4", "without a session nobody is deleted", async (world) => {
  refused(await world.client(world.browser()).deleteUser({ password: PASSWORD }), 401, "UNAUTHORIZED");
}, "delete");

check("delete-user-5", "the address is free again", async (world) => {
  const { client, email } = await world.person();
  done(await client.deleteUser({ password: PASSWORD }));
  done(await world.client(world.browser()).signUp.email({ email, password: PASSWORD, name: "Ada" }));
}, "delete");
