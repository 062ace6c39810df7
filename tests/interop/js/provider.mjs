// A real OpenID provider (npm oidc-provider) for one application: whoever gives a name is who they say.
import { createInterface } from "node:readline";
import { exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const said = async () => JSON.parse((await lines.next()).value ?? "null");
const say = (value) => process.stdout.write(`${JSON.stringify({ value })}\n`);

const given = await said();
const issuer = `http://127.0.0.1:${given.port}`;

const kinds = { RS256: ["RSA", {}], ES256: ["EC", {}], EdDSA: ["OKP", { crv: "Ed25519" }] };
const [, options] = kinds[given.algorithm];
const { privateKey } = await generateKeyPair(given.algorithm, { extractable: true, ...options });
const key = { ...(await exportJWK(privateKey)), alg: given.algorithm, use: "sig", kid: `${given.algorithm}-1` };
const spare = { ...(await exportJWK((await generateKeyPair("RS256", { extractable: true })).privateKey)), alg: "RS256", use: "sig", kid: "spare" };

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: given.id,
      client_secret: given.secret,
      redirect_uris: [given.callback],
      id_token_signed_response_alg: given.algorithm,
    },
  ],
  jwks: { keys: given.algorithm === "RS256" ? [key] : [key, spare] },
  cookies: { keys: ["of a test"] },
  pkce: { required: () => true },
  conformIdTokenClaims: given.conform, // then what describes a person is told by userinfo alone
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.org`, email_verified: true, name: id }),
  }),
});

provider.listen(given.port, "127.0.0.1", () => say(issuer));
for (;;) if ((await said()) === null) process.exit();
