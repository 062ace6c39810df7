// jose: an access token verified with the keys that the server publishes, as RFC 9068 asks of a resource server.
import { createRemoteJWKSet, jwtVerify } from "jose";
import { given, refusal, say } from "./given.mjs";

const keys = createRemoteJWKSet(new URL(`${given.origin}/.well-known/jwks.json`));
const rules = { issuer: given.origin, audience: given.audience, typ: "at+jwt", algorithms: [given.algorithm], requiredClaims: ["exp", "sub", "client_id", "jti"] };
const verify = (token, changed) => jwtVerify(token, keys, { ...rules, ...changed });

const { payload, protectedHeader } = await verify(given.token);
const [head, body] = given.token.split(".");
say({
  payload,
  header: protectedHeader,
  refused: {
    issuer: await refusal(() => verify(given.token, { issuer: `${given.origin}/` })),
    audience: await refusal(() => verify(given.token, { audience: "other" })),
    type: await refusal(() => verify(given.token, { typ: "JWT" })),
    algorithm: await refusal(() => verify(given.token, { algorithms: ["PS256"] })),
    expired: await refusal(() => verify(given.expired)),
    signature: await refusal(() => verify(`${head}.${body}.${given.expired.split(".")[2]}`)),
  },
});
