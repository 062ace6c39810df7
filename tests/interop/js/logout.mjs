// openid-client: signing out at the provider (OpenID Connect RP-Initiated Logout 1.0).
import * as client from "openid-client";
import { Browser } from "./browser.mjs";
import { given, refusal, say } from "./given.mjs";

const config = await client.discovery(new URL(given.origin), given.id, {}, client.ClientSecretBasic(given.secret), { execute: [client.allowInsecureRequests] });

// A browser in which the cookie of a signed-in user is, and the tokens of the application there.
async function signedIn(cookie) {
  const browser = new Browser(given.callback);
  browser.keep("sojourn", cookie);
  const verifier = client.randomPKCECodeVerifier();
  const asked = { redirect_uri: given.callback, scope: "openid", code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256" };
  await browser.open(client.buildAuthorizationUrl(config, asked));
  await browser.click("Continue");
  const tokens = await client.authorizationCodeGrant(config, browser.left, { pkceCodeVerifier: verifier });
  browser.left = undefined;
  return { browser, tokens, asked };
}

async function after({ browser, tokens, asked }) {
  const refreshed = await refusal(() => client.refreshTokenGrant(config, tokens.refresh_token));
  browser.left = undefined;
  await browser.open(client.buildAuthorizationUrl(config, { ...asked, prompt: "none" }));
  return [refreshed.error, browser.left.searchParams.get("error")];
}

const leaving = { post_logout_redirect_uri: given.leaving, state: "a state" };
const said = {};

const hinted = await signedIn(given.cookies[0]);
await hinted.browser.open(client.buildEndSessionUrl(config, { ...leaving, id_token_hint: hinted.tokens.id_token }));
said.hinted = hinted.browser.left?.href;
said.hintedAfter = await after(hinted);

const unhinted = await signedIn(given.cookies[1]);
await unhinted.browser.open(client.buildEndSessionUrl(config, leaving));
said.left = unhinted.browser.left?.href; // not before the user has said yes
await unhinted.browser.submit("/oauth/logout/confirm", {});
said.links = unhinted.browser.links();
said.unhintedAfter = await after(unhinted);

const elsewhere = await signedIn(given.cookies[2]);
await elsewhere.browser.open(
  client.buildEndSessionUrl(config, { post_logout_redirect_uri: `${given.leaving}/other`, id_token_hint: elsewhere.tokens.id_token }),
);
said.elsewhere = elsewhere.browser.left?.href;

say(said);
