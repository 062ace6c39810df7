// An application that is told of endings (OpenID Connect Back-Channel Logout 1.0), and verifies with jose.
// In, a line each: {origin, audience}, then ["address"] or ["token"]. Out, a line each: {value} or {error}.
import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { createRemoteJWKSet, jwtVerify } from "jose";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { origin, audience } = JSON.parse((await lines.next()).value);
const keys = createRemoteJWKSet(new URL(`${origin}/.well-known/jwks.json`));
const rules = { issuer: origin, audience, typ: "logout+jwt", requiredClaims: ["iat", "exp", "jti", "events"] };

const came = [];
const server = createServer(async (request, response) => {
  came.push({ type: request.headers["content-type"], token: new URLSearchParams(await text(request)).get("logout_token") });
  response.writeHead(200, { "cache-control": "no-store" }).end();
  server.emit("came");
}).listen(0, "127.0.0.1");
await once(server, "listening");

const acts = {
  address: async () => `http://127.0.0.1:${server.address().port}/logged-out`,
  token: async () => {
    if (!came.length) await once(server, "came", { signal: AbortSignal.timeout(30_000) });
    const { type, token } = came.shift();
    const { payload, protectedHeader } = await jwtVerify(token, keys, rules);
    return { type, payload, header: protectedHeader };
  },
};

for await (const line of lines) {
  const [act] = JSON.parse(line);
  const said = await acts[act]().then(
    (value) => ({ value }),
    (error) => ({ error: error.message }),
  );
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
