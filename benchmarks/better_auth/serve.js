// node serve.js '{"sessions": true, "cookieCache": false, "folder": "…", "port": 8000}'
import { bare, betterAuth, serving } from "./app.js";

const options = JSON.parse(process.argv[2]);
let server;
if (options.sessions) {
  const { fromNodeHeaders } = await import("better-auth/node");
  server = serving(await betterAuth(options), fromNodeHeaders);
} else {
  server = bare();
}
server.keepAliveTimeout = 600_000;
server.listen(options.port, "127.0.0.1");
