// What administrators may do, and nobody else.
import assert from "node:assert/strict";
import { answered, check, done, PASSWORD, refused, session, until } from "./better_auth_world.mjs";

const sure = async (client) => done(await client.getSession({ query: { disableCookieCache: true } }));

// ── reading ──────────────────────────────────────────────────────────────────────────────────

check("admin-1", "users are listed, with how many there are", async (world) => {
  const { client } = await world.admin();
  const ada = await world.person();
  const { users, total } = done(await client.admin.listUsers({ query: { limit: 1000 } }));
  const row = users.find(({ id }) => id === ada.user.id);
  assert.ok(total > world.admins.length);
  assert.deepEqual([row.email, row.role, row.banned ?? false], [ada.email, "user", false]);
  assert.ok(row.createdAt instanceof Date);
}, "admin");

check("admin-2", "searched by address or by name, from its beginning, its end, or within", async (world) => {
  const { client } = await world.admin();
  const name = `Zu${world.email().slice(0, 8)}se`;
  const ada = await world.person({ name });
  const [front, back] = [name.slice(0, 6), name.slice(-6)];
  const searches = [
    { searchField: "email", searchValue: ada.email },
    { searchField: "email", searchOperator: "starts_with", searchValue: ada.email.slice(0, 12) },
    { searchField: "name", searchOperator: "contains", searchValue: name.slice(2, 8) },
    { searchField: "name", searchOperator: "starts_with", searchValue: front },
    { searchField: "name", searchOperator: "ends_with", searchValue: back },
  ];
  for (const query of searches) {
    const { users, total } = done(await client.admin.listUsers({ query }));
    assert.deepEqual([users.map(({ id }) => id), total], [[ada.user.id], 1], JSON.stringify(query));
  }
  const none = done(await client.admin.listUsers({ query: { searchField: "name", searchOperator: "starts_with", searchValue: back } }));
  assert.deepEqual([none.users, none.total], [[], 0]);
}, "admin");

check("admin-3", "page by page, in an order", async (world) => {
  const { client } = await world.admin();
  const mark = world.email().slice(0, 10);
  for (const letter of ["b", "c", "a"]) await world.person({ name: `${mark} ${letter}` });
  const query = { searchField: "name", searchValue: mark, sortBy: "name" };
  const names = ({ users }) => users.map(({ name }) => name.slice(-1)).join("");
  assert.equal(names(done(await client.admin.listUsers({ query: { ...query, sortDirection: "asc" } }))), "abc");
  assert.equal(names(done(await client.admin.listUsers({ query: { ...query, sortDirection: "desc" } }))), "cba");
  const page = done(await client.admin.listUsers({ query: { ...query, sortDirection: "asc", limit: 2, offset: 1 } }));
  assert.deepEqual([names(page), page.total, page.limit, page.offset], ["bc", 3, 2, 1]);
}, "admin");

check("admin-4", "filtered by a field", async (world) => {
  const { client } = await world.admin();
  const roles = done(await client.admin.listUsers({ query: { filterField: "role", filterValue: "admin", limit: 100 } }));
  assert.ok(roles.users.length >= world.admins.length);
  assert.ok(roles.users.every(({ role }) => role === "admin"));
  const others = done(await client.admin.listUsers({ query: { filterField: "role", filterOperator: "ne", filterValue: "admin", limit: 100 } }));
  assert.ok(others.users.every(({ role }) => role !== "admin"));
}, "admin");

check("admin-5", "one user is answered bare, an unknown one with 404", async (world) => {
  const { client } = await world.admin();
  const ada = await world.person();
  const found = done(await client.admin.getUser({ query: { id: ada.user.id } }));
  assert.deepEqual([found.id, found.email, found.role], [ada.user.id, ada.email, "user"]);
  refused(await client.admin.getUser({ query: { id: "no such" } }), 404, "USER_NOT_FOUND");
}, "admin");

check("admin-6", "the sessions of a user, and by their token one is ended", async (world) => {
  const { client } = await world.admin();
  const ada = await world.person();
  const other = await world.again(ada);
  const { sessions } = done(await client.admin.listUserSessions({ userId: ada.user.id }));
  assert.equal(sessions.length, 2);
  assert.ok(sessions[0].expiresAt instanceof Date);
  const theirs = (await session(other.client)).session;
  const { token } = sessions.find(({ id }) => id === theirs.id);
  assert.equal(token, theirs.token);
  assert.deepEqual(done(await client.admin.revokeUserSession({ sessionToken: token })), { success: true });
  assert.equal(await sure(other.client), null);
  assert.ok(await sure(ada.client));
}, "admin");

check("admin-7", "all of a user's sessions are ended; unknown ones are no error", async (world) => {
  const { client } = await world.admin();
  const ada = await world.person();
  const other = await world.again(ada);
  assert.deepEqual(done(await client.admin.revokeUserSession({ sessionToken: "no such" })), { success: true });
  assert.deepEqual(done(await client.admin.revokeUserSessions({ userId: ada.user.id })), { success: true });
  for (const one of [ada, other]) assert.equal(await sure(one.client), null);
  assert.deepEqual(done(await client.admin.listUserSessions({ userId: "no such" })).sessions, []);
}, "admin");

// ── writing ──────────────────────────────────────────────────────────────────────────────────

check("admin-8", "a ban ends every session, and keeps out, in words of its own", async (world) => {
  const { client } = await world.admin();
  const ada = await world.person();
  const { user } = done(await client.admin.banUser({ userId: ada.user.id, banReason: "spam", banExpiresIn: 3600 }));
  assert.deepEqual([user.id, user.banned, user.banReason], [ada.user.id, true, "spam"]);
  assert.ok(Math.abs(user.banExpires - Date.now() - 3_600_000) < 60_000);
  assert.equal(await sure(ada.client), null);
  const error = refused(await world.client(world.browser()).signIn.email({ email: ada.email, password: PASSWORD }), 403, "BANNED_USER");
  assert.ok(error.message);
}, "admin");

check("admin-9", "a ban is lifted", async (world) => {
  const { client } = await world.admin();
  const ada = await world.person();
  done(await client.admin.banUser({ userId: ada.user.id, banReason: "spam" }));
  const { user } = done(await client.admin.unbanUser({ userId: ada.user.id }));
  assert.deepEqual([user.banned ?? false, user.banReason ?? null, user.banExpires ?? null], [false, null, null]);
  await world.again(ada);
}, "admin");

check("admin-10", "a ban for a time ends by itself", async (world) => {
  const { client } = await world.admin();
  const ada = await world.person();
  done(await client.admin.banUser({ userId: ada.user.id, banExpiresIn: 3 }));
  const other = world.client(world.browser());
  refused(await other.signIn.email({ email: ada.email, password: PASSWORD }), 403, "BANNED_USER");
  const tried = () => world.client(world.browser()).signIn.email({ email: ada.email, password: PASSWORD });
  await new Promise((done) => setTimeout(done, 3100)); // what is waited for is the end of that time
  assert.equal(done(await tried()).user.id, ada.user.id);
  const after = done(await client.admin.getUser({ query: { id: ada.user.id } }));
  assert.deepEqual([after.banned ?? false, after.banExpires ?? null], [false, null]);
}, "admin");

check("admin-11", "whom a wrong password does not show to be banned is not told so", async (world) => {
  const { client } = await world.admin();
  const ada = await world.person();
  done(await client.admin.banUser({ userId: ada.user.id }));
  refused(await world.client(world.browser()).signIn.email({ email: ada.email, password: "wrong one" }), 401, "INVALID_EMAIL_OR_PASSWORD");
}, "admin");

check("admin-12", "nobody bans or removes themselves", async (world) => {
  const { client, user } = await world.admin();
  refused(await client.admin.banUser({ userId: user.id }), 400, "YOU_CANNOT_BAN_YOURSELF");
  refused(await client.admin.removeUser({ userId: user.id }), 400, "YOU_CANNOT_REMOVE_YOURSELF");
  assert.ok(await sure(client));
}, "admin");

check("admin-13", "a role is given, and felt; one that does not exist is not", async (world) => {
  const { client } = await world.admin();
  const ada = await world.person();
  refused(await ada.client.admin.listUsers({ query: {} }), 403, "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS");
  assert.equal(done(await client.admin.setRole({ userId: ada.user.id, role: "admin" })).user.role, "admin");
  const after = await world.again(ada);
  done(await after.client.admin.listUsers({ query: { limit: 1 } }));
  assert.equal(done(await client.admin.setRole({ userId: ada.user.id, role: ["user"] })).user.role, "user");
  const { error } = await client.admin.setRole({ userId: ada.user.id, role: "emperor" });
  assert.deepEqual(error?.code, world.side("YOU_ARE_NOT_ALLOWED_TO_SET_NON_EXISTENT_VALUE", undefined));
}, "admin");

check("admin-14", "an account is made, who can sign in; an address that is taken is refused", async (world) => {
  const { client } = await world.admin();
  const email = world.email();
  const { user } = done(await client.admin.createUser({ email: email.toUpperCase(), password: PASSWORD, name: "Grace", role: "user" }));
  assert.deepEqual([user.email, user.name, user.role], [email, "Grace", "user"]);
  await world.again({ email, browser: { origin: world.origin } });
  refused(await client.admin.createUser({ email, password: PASSWORD, name: "Grace" }), 400, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
}, "admin");

check("admin-15", "what is known of somebody is changed, nothing is refused", async (world) => {
  const { client } = await world.admin();
  const ada = await world.person();
  assert.equal(done(await client.admin.updateUser({ userId: ada.user.id, data: { name: "Augusta" } })).name, "Augusta");
  assert.equal((await sure(ada.client)).user.name, "Augusta");
  refused(await client.admin.updateUser({ userId: ada.user.id, data: {} }), 400, "NO_DATA_TO_UPDATE");
}, "admin");

check("admin-16", "a new password is set; it ends the sessions that the old one began", async (world) => {
  const { client } = await world.admin();
  const ada = await world.person();
  assert.deepEqual(done(await client.admin.setUserPassword({ userId: ada.user.id, newPassword: "another one" })), { status: true });
  assert.equal(Boolean(await sure(ada.client)), world.side(false, true));
  await world.again({ ...ada, password: "another one" });
  refused(await client.admin.setUserPassword({ userId: ada.user.id, newPassword: "7 chars" }), 400, "PASSWORD_TOO_SHORT");
  refused(await client.admin.setUserPassword({ userId: "no such", newPassword: "another one" }), 404, "USER_NOT_FOUND");
}, "admin");

check("admin-17", "an account is removed, with its sessions", async (world) => {
  const { client } = await world.admin();
  const ada = await world.person();
  assert.deepEqual(done(await client.admin.removeUser({ userId: ada.user.id })), { success: true });
  assert.equal(await sure(ada.client), null);
  refused(await client.admin.getUser({ query: { id: ada.user.id } }), 404, "USER_NOT_FOUND");
}, "admin");

check("admin-18", "who may do what is told", async (world) => {
  const { client } = await world.admin();
  const ada = await world.person();
  const permissions = { user: ["ban"] };
  assert.equal(done(await client.admin.hasPermission({ permissions })).success, true);
  assert.equal(done(await ada.client.admin.hasPermission({ permissions })).success, false);
  assert.equal(done(await client.admin.hasPermission({ permissions: { user: ["impersonate-admins"] } })).success, false);
}, "admin");

check("admin-19", "unknown users are 404, here as there", async (world) => {
  const { client } = await world.admin();
  for (const act of ["banUser", "unbanUser", "impersonateUser", "removeUser"]) {
    refused(await client.admin[act]({ userId: "no such" }), 404, "USER_NOT_FOUND");
  }
}, "admin");

check("admin-20", "what is missing is named", async (world) => {
  const { browser } = await world.admin();
  for (const path of ["ban-user", "revoke-user-sessions", "impersonate-user", "set-role"]) {
    const answer = answered(await browser.post(`/api/auth/admin/${path}`, {}), 400, "VALIDATION_ERROR");
    assert.match(answer.json.message, /\[body\.userId\] /);
  }
}, "admin");

check("admin-21", "a session that was begun days ago may look, and write only where we do not ask for a fresh one", async (world) => {
  const ada = await world.person();
  const browser = world.browser();
  browser.keep(...world.aged.admin.split(/=(.*)/s));
  answered(await browser.get("/api/auth/admin/list-users?limit=1"), 200);
  const answer = await browser.post("/api/auth/admin/ban-user", { userId: ada.user.id });
  assert.deepEqual([answer.status, answer.json?.code], world.side([403, "SESSION_NOT_FRESH"], [200, undefined]));
  assert.equal(Boolean(await sure(ada.client)), world.side(true, false));
}, ["admin", "aged"]);

// ── for nobody else ──────────────────────────────────────────────────────────────────────────

const WRITES = {
  "list-user-sessions": [{}, "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS_SESSIONS"],
  "revoke-user-session": [{ sessionToken: "t" }, "YOU_ARE_NOT_ALLOWED_TO_REVOKE_USERS_SESSIONS"],
  "revoke-user-sessions": [{}, "YOU_ARE_NOT_ALLOWED_TO_REVOKE_USERS_SESSIONS"],
  "impersonate-user": [{}, "YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS"],
  "ban-user": [{}, "YOU_ARE_NOT_ALLOWED_TO_BAN_USERS"],
  "unban-user": [{}, "YOU_ARE_NOT_ALLOWED_TO_BAN_USERS"],
  "set-role": [{ role: "admin" }, "YOU_ARE_NOT_ALLOWED_TO_CHANGE_USERS_ROLE"],
  "create-user": [{ email: "eve@example.org", password: PASSWORD, name: "Eve" }, "YOU_ARE_NOT_ALLOWED_TO_CREATE_USERS"],
  "update-user": [{ data: { name: "x" } }, "YOU_ARE_NOT_ALLOWED_TO_UPDATE_USERS"],
  "set-user-password": [{ newPassword: PASSWORD }, "YOU_ARE_NOT_ALLOWED_TO_SET_USERS_PASSWORD"],
  "remove-user": [{}, "YOU_ARE_NOT_ALLOWED_TO_DELETE_USERS"],
};

check("admin-22", "each act is refused to a user, in words of its own", async (world) => {
  const [ada, bob] = [await world.person(), await world.person()];
  for (const [path, [body, code]] of Object.entries(WRITES)) {
    answered(await ada.browser.post(`/api/auth/admin/${path}`, { userId: bob.user.id, ...body }), 403, code);
  }
  refused(await ada.client.admin.listUsers({ query: {} }), 403, "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS");
  refused(await ada.client.admin.getUser({ query: { id: bob.user.id } }), 403, "YOU_ARE_NOT_ALLOWED_TO_GET_USER");
  assert.ok(await sure(bob.client));
}, "admin");

check("admin-23", "and to nobody, with 401", async (world) => {
  const bob = await world.person();
  const browser = world.browser();
  const paths = [...Object.keys(WRITES), "stop-impersonating"];
  const answers = await Promise.all(paths.map((path) => browser.post(`/api/auth/admin/${path}`, { userId: bob.user.id, ...WRITES[path]?.[0] })));
  answers.push(await browser.get("/api/auth/admin/list-users"), await browser.get(`/api/auth/admin/get-user?id=${bob.user.id}`));
  for (const { status, json, path } of answers) assert.deepEqual([status, json?.code], [401, world.side("UNAUTHORIZED", undefined)], path);
}, "admin");

check("admin-24", "who was an administrator a moment ago is none now", async (world) => {
  const { client } = await world.admin();
  const ada = await world.person();
  done(await client.admin.setRole({ userId: ada.user.id, role: "admin" }));
  const other = await world.again(ada);
  done(await other.client.admin.listUsers({ query: { limit: 1 } }));
  done(await client.admin.setRole({ userId: ada.user.id, role: "user" }));
  const { error } = await other.client.admin.listUsers({ query: { limit: 1 } });
  assert.ok([401, 403].includes(error?.status));
}, "admin");

// ── impersonation ────────────────────────────────────────────────────────────────────────────

check("impersonate-1", "an administrator acts as somebody, for an hour at most, and it is told", async (world) => {
  const { browser, client, user } = await world.admin();
  const ada = await world.person();
  const said = done(await client.admin.impersonateUser({ userId: ada.user.id }));
  assert.deepEqual([said.user.id, said.session.userId, said.session.impersonatedBy], [ada.user.id, ada.user.id, user.id]);
  const handed = browser.last.headers["set-cookie"].filter((line) => !/^[^=]*(admin|device|multi|other)/.test(line) && !/^[^=]*=;/.test(line));
  assert.ok(handed.some((line) => !/max-age/i.test(line)), handed.join("\n"));
  const found = await session(client);
  assert.deepEqual([found.user.id, found.session.impersonatedBy], [ada.user.id, user.id]);
  assert.ok(found.session.expiresAt - Date.now() <= 3_600_000 + 1000);
}, "admin");

check("impersonate-2", "and is themselves again when they stop", async (world) => {
  const { client, user } = await world.admin();
  const before = (await session(client)).session;
  const ada = await world.person();
  done(await client.admin.impersonateUser({ userId: ada.user.id }));
  const said = done(await client.admin.stopImpersonating());
  assert.equal(said.user.id, user.id);
  const after = await session(client);
  assert.deepEqual([after.user.id, after.session.id, after.session.impersonatedBy ?? null], [user.id, before.id, null]);
  done(await client.admin.listUsers({ query: { limit: 1 } }));
}, "admin");

check("impersonate-3", "an administrator is not impersonated", async (world) => {
  const { client } = await world.admin();
  const other = await world.ownAdmin();
  refused(await client.admin.impersonateUser({ userId: other.user.id }), 403, "YOU_CANNOT_IMPERSONATE_ADMINS");
}, "admin");

check("impersonate-4", "who impersonates nobody cannot stop", async (world) => {
  const { client } = await world.admin();
  const error = refused(await client.admin.stopImpersonating(), 400, undefined);
  assert.equal(error.message, "You are not impersonating anyone");
}, "admin");

check("impersonate-5", "the person does not see it among their sessions, nor does the administrator", async (world) => {
  const { client } = await world.admin();
  const ada = await world.person();
  done(await client.admin.impersonateUser({ userId: ada.user.id }));
  for (const one of [ada.client, client]) {
    assert.deepEqual(done(await one.listSessions()).filter((row) => row.impersonatedBy), []);
  }
  assert.equal(done(await ada.client.listSessions()).length, 1);
}, "admin");

check("impersonate-6", "as somebody one is no administrator", async (world) => {
  const { client } = await world.admin();
  const ada = await world.person();
  done(await client.admin.impersonateUser({ userId: ada.user.id }));
  refused(await client.admin.listUsers({ query: {} }), 403, "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS");
  refused(await client.admin.banUser({ userId: ada.user.id }), 403, "YOU_ARE_NOT_ALLOWED_TO_BAN_USERS");
}, "admin");

check("impersonate-7", "the person's own sessions go on, and what they end, ends", async (world) => {
  const { client } = await world.admin();
  const ada = await world.person();
  done(await client.admin.impersonateUser({ userId: ada.user.id }));
  assert.ok(await sure(ada.client));
  done(await ada.client.revokeSessions());
  await until(async () => (await sure(client))?.user.id !== ada.user.id);
}, "admin");

check("impersonate-8", "signing out while one acts as somebody leaves nothing in the browser", async (world) => {
  const { browser, client } = await world.admin();
  const ada = await world.person();
  done(await client.admin.impersonateUser({ userId: ada.user.id }));
  done(await client.signOut());
  assert.equal(await sure(client), null);
  const left = [...browser.cookies.keys()].filter((name) => !/device/.test(name));
  assert.equal(left.length === 0, world.side(true, false), left.join());
}, "admin");

check("impersonate-9", "as somebody one does not change their password, nor delete them", async (world) => {
  const { client } = await world.admin();
  const ada = await world.person();
  done(await client.admin.impersonateUser({ userId: ada.user.id }));
  const { error } = await client.deleteUser();
  const gone = error === null;
  assert.equal(gone, world.side(false, true), JSON.stringify(error));
  assert.equal(Boolean(await sure(ada.client)), world.side(true, false));
}, ["admin", "delete"]);
