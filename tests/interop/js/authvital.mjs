// Calls AuthVital's SDK, built in the folder that the first line names, as an Express application would.
// In, a line each: {sdk, config}, then [path, ...arguments]. Out, a line for each call: {value} or {error}.
import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { sdk, config } = JSON.parse((await lines.next()).value);
const exported = createRequire(import.meta.url)(`${sdk}/dist/server.js`);
const client = exported.createAuthVital(config);

// A request as Express hands it on: made by Node's own server of bytes that really came in.
async function arrived(headers) {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const request = once(server, "request");
  const asked = fetch(`http://127.0.0.1:${server.address().port}/`, { headers });
  const [incoming, answer] = await request;
  answer.end();
  await (await asked).arrayBuffer();
  server.close();
  return incoming;
}

// The same as route handlers of fetch-based frameworks get it.
const fetched = (headers) => new Request("http://app.test/", { headers });

async function argument(given) {
  if (given?.express) return arrived(given.express);
  if (given?.fetch) return fetched(given.fetch);
  return given;
}

async function call(path, ...given) {
  const names = path.split(".");
  const last = names.pop();
  const owner = names.reduce((found, name) => found[name], client);
  const does = owner[last] ? owner[last].bind(owner) : exported[last];
  return does(...(await Promise.all(given.map(argument))));
}

for await (const line of lines) {
  const said = await call(...JSON.parse(line)).then(
    (value) => ({ value }),
    (error) => ({ error: error.message }),
  );
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
