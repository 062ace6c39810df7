// openid-client: everything that it can ask of an OpenID provider, through the pages that people see.
import * as client from "openid-client";
import { Browser } from "./browser.mjs";
import { given, refusal, say } from "./given.mjs";

const insecure = { execute: [client.allowInsecureRequests] }; // http, on loopback
const authentication = {
  basic: () => client.ClientSecretBasic(given.secret),
  post: () => client.ClientSecretPost(given.secret),
  none: () => client.None(),
}[given.method]();
const config = await client.discovery(new URL(given.origin), given.id, given.metadata ?? {}, authentication, insecure);
const browser = new Browser(given.callback);

async function authorized(more = {}) {
  const verifier = client.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier: verifier, expectedState: client.randomState(), expectedNonce: client.randomNonce(), idTokenExpected: true };
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: given.callback,
    scope: "openid profile email offline_access",
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    ...more,
  });
  browser.left = undefined;
  await browser.open(url);
  return checks;
}

const exchanged = async (checks, more) => client.authorizationCodeGrant(config, browser.left, { ...checks, ...more });

const said = { server: config.serverMetadata() };

// Nobody is signed in here: not without being asked, ...
const silent = await authorized({ prompt: "none" });
said.silent = await refusal(() => exchanged(silent));

// ... so a new user signs up, and says yes.
let checks = await authorized();
said.door = browser.url.pathname;
await browser.click("Create an account");
await browser.submit("/sign-up", { email: given.email, password: given.password, name: "Ada" });
said.asked = browser.page.includes("Continue to");
await browser.click("Continue");
said.returned = Object.fromEntries(browser.left.searchParams);
const tokens = await exchanged(checks, { maxAge: 3600 });
said.tokens = tokens;
said.claims = tokens.claims();

// Another code; it is good only with its verifier.
checks = await authorized();
said.again = browser.left !== undefined; // is signed in there in this browser, so nobody is asked
if (!said.again) await browser.click("Continue");
said.verifier = await refusal(() => exchanged({ ...checks, pkceCodeVerifier: client.randomPKCECodeVerifier() }));
checks = await authorized({ prompt: "consent" });
said.consent = browser.page.includes("Continue to");
await browser.click("Cancel");
said.denied = await refusal(() => exchanged(checks));
checks = await authorized({ prompt: "login" });
said.confirm = browser.url.pathname;
await browser.submit("/confirm", { password: given.password });
if (!browser.left) await browser.click("Continue");
const confirmed = await exchanged(checks, { maxAge: 60 });
said.confirmed = confirmed.claims();

// In one browser an application that keeps its sessions to itself has one, and the new one has taken the
// place of the first; of a public one each page may have its own.
if (given.secret) said.replaced = await refusal(() => client.refreshTokenGrant(config, tokens.refresh_token));
else await client.refreshTokenGrant(config, tokens.refresh_token);
const sub = confirmed.claims().sub;

// Who it is.
said.user = await client.fetchUserInfo(config, confirmed.access_token, sub);

// Refresh: a new refresh token, and an ID token for the same user.
const refreshed = await client.refreshTokenGrant(config, confirmed.refresh_token);
said.refreshed = refreshed;
said.refreshedClaims = refreshed.claims();

if (given.secret) {
  said.introspected = await client.tokenIntrospection(config, refreshed.access_token);
  said.introspectedRefresh = await client.tokenIntrospection(config, refreshed.refresh_token);
  said.machine = await client.clientCredentialsGrant(config, { scope: "openid" });
  said.machineIntrospected = await client.tokenIntrospection(config, said.machine.access_token);
  said.machineUser = await refusal(() => client.fetchUserInfo(config, said.machine.access_token, client.skipSubjectCheck));
} else {
  said.machineRefused = await refusal(() => client.clientCredentialsGrant(config));
}

// Give it back: the session is over, and so is everything that came of it.
await client.tokenRevocation(config, refreshed.refresh_token);
said.revokedRefresh = await refusal(() => client.refreshTokenGrant(config, refreshed.refresh_token));
said.revokedUser = await refusal(() => client.fetchUserInfo(config, refreshed.access_token, sub));
if (given.secret) said.revokedIntrospected = await client.tokenIntrospection(config, refreshed.access_token);

// A code that is presented twice ends what came of it the first time, and nothing else.
checks = await authorized({ prompt: "consent" });
await browser.click("Continue");
const twice = await exchanged(checks);
said.reused = await refusal(() => exchanged(checks));
said.reusedRefresh = await refusal(() => client.refreshTokenGrant(config, twice.refresh_token));
await browser.open(`${given.origin}/account/security`);
said.account = [browser.url.pathname, browser.status];

say(said);
