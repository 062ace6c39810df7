// Bearer tokens, JSON web tokens, several accounts in one browser, and sessions to which an application adds something.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import { answered, check, done, PASSWORD, refused, session } from "./better_auth_world.mjs";

const READ = "/api/auth/get-session";
const sure = async (client) => done(await client.getSession({ query: { disableCookieCache: true } }));

// ── bearer ───────────────────────────────────────────────────────────────────────────────────

check("bearer-1", "signing in hands out a token in a header that scripts of other origins may read", async (world) => {
  const { browser, user } = await world.again(await world.person());
  const { headers } = browser.answers[0];
  assert.ok(headers["set-auth-token"]);
  assert.match(headers["access-control-expose-headers"], /set-auth-token/i);
  assert.equal((await world.bearer(headers["set-auth-token"]).get(READ)).json.user.id, user.id);
}, "bearer");

check("bearer-2", "so is the token of the answer: without a cookie, and without an Origin", async (world) => {
  const { token, user } = await world.person();
  const program = world.bearer(token);
  assert.equal((await program.get(READ)).json.user.id, user.id);
  assert.equal((await program.get("/api/auth/list-sessions")).json.length, 1);
  answered(await program.post("/api/auth/update-user", { name: "Augusta" }), 200);
}, "bearer");

check("bearer-3", "with the client, as its documentation has it", async (world) => {
  const { email } = await world.person();
  const signing = world.browser();
  let token = "";
  const fetchOptions = { onSuccess: ({ response }) => void (token = response.headers.get("set-auth-token") ?? token) };
  done(await world.client(signing, { fetchOptions }).signIn.email({ email, password: PASSWORD }));
  const client = world.client(world.browser(), { fetchOptions: { auth: { type: "Bearer", token: () => token } } });
  assert.equal((await session(client)).user.email, email);
  done(await client.updateUser({ name: "Augusta" }));
  assert.equal((await session(client)).user.name, "Augusta");
}, "bearer");

check("bearer-4", "the case of the scheme does not matter", async (world) => {
  const { token, user } = await world.person();
  const program = world.browser();
  for (const scheme of ["bearer", "BEARER", "Bearer"]) {
    const answer = await program.ask("GET", READ, { headers: { authorization: `${scheme} ${token}` }, cookies: false });
    assert.equal(answer.json.user.id, user.id);
  }
}, "bearer");

check("bearer-5", "rubbish is nobody; beside a good cookie the cookie counts", async (world) => {
  const { browser, user } = await world.person();
  for (const token of ["a.b", "rubbish", "sjb_x", "x".repeat(2000)]) {
    assert.equal((await world.bearer(token).get(READ)).text, "null");
    const { json } = await browser.get(READ, { authorization: `Bearer ${token}` });
    const signed = token.includes(".") ? user.id : undefined; // what has no dot they sign themselves, and believe
    assert.equal(json?.user.id, world.side(user.id, signed), token.slice(0, 9));
  }
}, "bearer");

check("bearer-6", "signing out ends it", async (world) => {
  const { token } = await world.person();
  const program = world.bearer(token);
  answered(await program.post("/api/auth/sign-out"), 200);
  assert.equal((await program.get(READ)).text, "null");
}, "bearer");

check("bearer-7", "revoked by another device it is over at once", async (world) => {
  const ada = await world.person();
  const other = await world.again(ada);
  const program = world.bearer(other.token);
  assert.ok((await program.get(READ)).json);
  done(await ada.client.revokeOtherSessions());
  assert.equal((await program.get(READ)).text, "null");
  answered(await program.get("/api/auth/list-sessions"), 401, "UNAUTHORIZED");
  answered(await program.post("/api/auth/update-user", { name: "Eve" }), 401, "UNAUTHORIZED");
}, "bearer");

check("bearer-8", "the session is the same one that the browser has", async (world) => {
  const { client, token } = await world.person();
  const { session: mine } = await session(client);
  const { session: theirs } = (await world.bearer(token).get(READ)).json;
  assert.deepEqual([theirs.id, theirs.token], [mine.id, mine.token]);
}, "bearer");

// ── jwt ──────────────────────────────────────────────────────────────────────────────────────

check("jwt-1", "a token that others can verify with the keys that are published", async (world) => {
  const { client, user } = await world.person();
  const { token } = done(await client.token());
  const { payload } = await verified(world, token);
  assert.deepEqual([payload.sub, payload.iss], [user.id, world.origin]);
  assert.ok([payload.aud].flat().includes(world.origin));
  assert.ok(payload.exp - payload.iat <= 900 && payload.exp * 1000 > Date.now());
}, "jwt");

check("jwt-2", "get-session hands one out in a header", async (world) => {
  const { browser, user } = await world.person();
  const { headers } = await browser.get(READ);
  assert.match(headers["access-control-expose-headers"], /set-auth-jwt/i);
  assert.equal((await verified(world, headers["set-auth-jwt"])).payload.sub, user.id);
}, "jwt");

check("jwt-3", "the keys are a set of public ones", async (world) => {
  const { client } = await world.person();
  const { token } = done(await client.token());
  const { keys } = done(await client.jwks());
  const { kid, alg } = decodeProtectedHeader(token);
  const key = keys.find((one) => one.kid === kid);
  assert.equal(key.alg, alg);
  for (const one of keys) for (const secret of ["d", "p", "q", "k"]) assert.equal(one[secret], undefined);
}, "jwt");

check("jwt-4", "without a session there is none", async (world) => {
  const browser = world.browser();
  answered(await browser.get("/api/auth/token"), 401, "UNAUTHORIZED");
  assert.equal((await browser.get(READ)).headers["set-auth-jwt"], undefined);
}, "jwt");

check("jwt-5", "changed, it verifies no more", async (world) => {
  const { client } = await world.person();
  const { token } = done(await client.token());
  const [head, body, signature] = token.split(".");
  const forged = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(body, "base64url")), sub: "root" })).toString("base64url");
  await assert.rejects(verified(world, `${head}.${forged}.${signature}`), { code: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED" });
}, "jwt");

check("jwt-6", "a bearer gets one too", async (world) => {
  const { token, user } = await world.person();
  const answer = answered(await world.bearer(token).get("/api/auth/token"), 200);
  assert.equal((await verified(world, answer.json.token)).payload.sub, user.id);
}, ["jwt", "bearer"]);

const verified = (world, token) => jwtVerify(token, createRemoteJWKSet(new URL("/api/auth/jwks", world.origin)), { issuer: world.origin });

// ── several accounts in one browser ──────────────────────────────────────────────────────────

// Ada's browser, in which Bob signs in as well.
async function shared(world) {
  const ada = await world.person();
  const bob = await world.person({ name: "Bob" });
  done(await ada.client.signIn.email({ email: bob.email, password: PASSWORD }));
  return { ada, bob, ...ada };
}
const devices = async (client) => done(await client.multiSession.listDeviceSessions());
const tokenOf = async (client, user) => (await devices(client)).find((one) => one.user.id === user.id).session.token;

check("multi-1", "nobody's browser holds no accounts", async (world) => {
  assert.deepEqual(await devices(world.client(world.browser())), []);
}, "multi");

check("multi-2", "who signs in after somebody is who this browser is; both are listed", async (world) => {
  const { client, ada, bob } = await shared(world);
  assert.equal((await session(client)).user.id, bob.user.id);
  const rows = await devices(client);
  assert.deepEqual(new Set(rows.map(({ user }) => user.id)), new Set([ada.user.id, bob.user.id]));
  for (const row of rows) {
    assert.equal(row.session.userId, row.user.id);
    assert.ok(row.session.expiresAt instanceof Date);
  }
}, "multi");

check("multi-3", "one changes to the other, and back", async (world) => {
  const { client, ada, bob } = await shared(world);
  for (const one of [ada, bob, ada]) {
    const said = done(await client.multiSession.setActive({ sessionToken: await tokenOf(client, one.user) }));
    assert.equal(said.user.id, one.user.id);
    assert.equal((await session(client)).user.id, one.user.id);
    assert.equal((await sure(client)).user.id, one.user.id);
  }
  assert.equal((await devices(client)).length, 2);
}, "multi");

check("multi-4", "the one that is not active is ended", async (world) => {
  const { client, ada, bob } = await shared(world);
  assert.deepEqual(done(await client.multiSession.revoke({ sessionToken: await tokenOf(client, ada.user) })), { status: true });
  assert.deepEqual((await devices(client)).map(({ user }) => user.id), [bob.user.id]);
  assert.equal((await session(client)).user.id, bob.user.id);
  assert.equal((await devices(client)).length, 1);
}, "multi");

check("multi-5", "the active one is ended: the other takes its place", async (world) => {
  const { client, ada, bob } = await shared(world);
  done(await client.multiSession.revoke({ sessionToken: await tokenOf(client, bob.user) }));
  assert.equal((await session(client)).user.id, ada.user.id);
}, "multi");

check("multi-6", "signing out ends both", async (world) => {
  const { browser, client, ada, bob } = await shared(world);
  const thief = browser.stolen();
  done(await client.signOut());
  assert.deepEqual(await devices(client), []);
  assert.equal(await session(client), null);
  const stolen = world.client(thief);
  assert.deepEqual(await devices(stolen), []);
  assert.equal(await sure(stolen), null);
  for (const one of [ada, bob]) await world.again(one);
}, "multi");

check("multi-7", "the same person again is one account, and the session before is over", async (world) => {
  const ada = await world.person();
  done(await ada.client.signIn.email({ email: ada.email, password: PASSWORD }));
  assert.equal((await devices(ada.client)).length, 1);
  assert.equal(done(await ada.client.listSessions()).length, 1);
}, "multi");

check("multi-8", "the token of somebody else's browser is none of this one", async (world) => {
  const [ada, bob] = [await world.person(), await world.person()];
  const { token } = (await session(bob.client)).session;
  for (const sessionToken of [token, "no such"]) {
    refused(await ada.client.multiSession.setActive({ sessionToken }), 401, "INVALID_SESSION_TOKEN");
    refused(await ada.client.multiSession.revoke({ sessionToken }), 401, "INVALID_SESSION_TOKEN");
  }
  assert.ok(await sure(bob.client));
  assert.equal((await session(ada.client)).user.id, ada.user.id);
}, "multi");

check("multi-9", "an account that was ended elsewhere is not offered any more", async (world) => {
  const { client, ada, bob } = await shared(world);
  const token = await tokenOf(client, ada.user);
  const elsewhere = await world.again(ada);
  done(await elsewhere.client.revokeOtherSessions());
  assert.deepEqual((await devices(client)).map(({ user }) => user.id), [bob.user.id]);
  refused(await client.multiSession.setActive({ sessionToken: token }), 401, "INVALID_SESSION_TOKEN");
}, "multi");

check("multi-10", "of many accounts the oldest give way, or the newest is not kept: never more than some", async (world) => {
  const { client, browser } = await world.person();
  for (let count = 0; count < 7; count++) {
    const other = await world.person();
    done(await client.signIn.email({ email: other.email, password: PASSWORD }));
    assert.equal((await session(client)).user.id, other.user.id);
  }
  assert.ok((await devices(client)).length <= 6);
  assert.ok(browser.cookie().length < 8192);
}, "multi");

check("multi-11", "an administrator with a second account comes back to the first one", async (world) => {
  const bob = await world.person({ name: "Bob" });
  const root = await world.ownAdmin();
  const ada = await world.person();
  done(await bob.client.signIn.email({ email: root.email, password: PASSWORD }));
  done(await bob.client.admin.impersonateUser({ userId: ada.user.id }));
  assert.equal((await sure(bob.client)).user.id, ada.user.id);
  done(await bob.client.admin.stopImpersonating());
  assert.equal((await sure(bob.client)).user.id, root.user.id);
  assert.ok((await devices(bob.client)).some(({ user }) => user.id === bob.user.id));
  done(await bob.client.multiSession.setActive({ sessionToken: await tokenOf(bob.client, bob.user) }));
  assert.equal((await sure(bob.client)).user.id, bob.user.id);
}, ["multi", "admin"]);

check("multi-12", "a ban takes an account out of the browser, and leaves the others", async (world) => {
  const { client, ada, bob } = await shared(world);
  done(await (await world.admin()).client.admin.banUser({ userId: bob.user.id }));
  assert.deepEqual((await devices(client)).map(({ user }) => user.id), [ada.user.id]);
  done(await client.multiSession.setActive({ sessionToken: await tokenOf(client, ada.user) }));
  assert.equal((await sure(client)).user.id, ada.user.id);
}, ["multi", "admin"]);

// ── custom session ───────────────────────────────────────────────────────────────────────────

check("custom-1", "what the application adds is there, and the rest as ever", async (world) => {
  const { client, user } = await world.person({ origin: world.origins.custom });
  const found = await session(client);
  assert.equal(found.motto, "to the point");
  assert.equal(found.user.id, user.id);
  assert.ok(found.session.expiresAt instanceof Date);
}, "custom");

check("custom-2", "nobody stays null", async (world) => {
  assert.equal(await session(world.client(world.browser(world.origins.custom))), null);
}, "custom");

// ── providers ────────────────────────────────────────────────────────────────────────────────

// Who is asked where to send people; theirs knows the address by heart.
async function listening(world, act) {
  if (!world.provider) return act();
  const issuer = `http://127.0.0.1:${world.provider}`;
  const found = { issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/jwks`, response_types_supported: ["code"], subject_types_supported: ["public"], id_token_signing_alg_values_supported: ["RS256"] };
  const server = createServer((_, response) => response.setHeader("content-type", "application/json").end(JSON.stringify(found)));
  await once(server.listen(world.provider, "127.0.0.1"), "listening");
  try {
    return await act();
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

check("social-1", "where to go to sign in with a provider, and the way back", (world) => listening(world, async () => {
  const client = world.client(world.browser());
  const said = done(await client.signIn.social({ provider: "github", callbackURL: "/desk" }));
  const { searchParams } = new URL(said.url);
  assert.deepEqual([said.redirect, searchParams.get("client_id"), searchParams.get("response_type")], [true, "shop", "code"]);
  assert.equal(searchParams.get("redirect_uri"), `${world.origin}/api/auth/callback/github`);
  assert.equal(searchParams.get("code_challenge_method"), "S256");
  assert.ok(searchParams.get("state").length >= 16);
  assert.equal(done(await client.signIn.social({ provider: "github", disableRedirect: true })).redirect, false);
}), "social");

check("social-2", "a provider that is not known", async (world) => {
  refused(await world.client(world.browser()).signIn.social({ provider: "gitlab" }), 404, "PROVIDER_NOT_FOUND");
}, "social");

check("social-3", "an address to come back to that is not ours", async (world) => {
  const browser = world.browser();
  for (const [field, code] of [["callbackURL", "INVALID_CALLBACK_URL"], ["errorCallbackURL", "INVALID_ERROR_CALLBACK_URL"], ["newUserCallbackURL", "INVALID_NEW_USER_CALLBACK_URL"]]) {
    answered(await browser.post("/api/auth/sign-in/social", { provider: "github", [field]: "https://evil.example/" }), 403, code);
  }
}, "social");

check("social-4", "to connect a provider one has to be signed in", async (world) => {
  refused(await world.client(world.browser()).linkSocial({ provider: "github" }), 401, "UNAUTHORIZED");
}, "social");
