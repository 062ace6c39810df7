// Better Auth itself, as its documentation sets it up, to know that our checks ask the right thing.
// Out, one line: what the checks are given. It serves until its input ends.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { admin, bearer, customSession, jwt, multiSession } from "better-auth/plugins";

const PASSWORD = "difference engine no. 2";
const ADMINS = 3;

// A store that others share takes a moment to answer: the moment in which they get in between.
function shared() {
  const kept = new Map();
  const moment = () => new Promise((done) => setTimeout(done, 15));
  return {
    get: (key) => moment().then(() => kept.get(key) ?? null),
    set: (key, value) => moment().then(() => void kept.set(key, value)),
    delete: (key) => moment().then(() => void kept.delete(key)),
    getAndDelete: async (key) => {
      const value = kept.get(key) ?? null;
      kept.delete(key);
      return value;
    },
  };
}

async function serve({ session = {}, plugins = [], ...options } = {}) {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${server.address().port}`;
  const db = { user: [], session: [], account: [], verification: [], jwks: [], rateLimit: [] };
  const auth = betterAuth({
    database: memoryAdapter(db),
    secret: randomBytes(32).toString("base64"),
    baseURL: origin,
    emailAndPassword: { enabled: true },
    user: { deleteUser: { enabled: true } },
    session: { additionalFields: { theme: { type: "string", required: false } }, ...session },
    socialProviders: { github: { clientId: "shop", clientSecret: "a secret" } },
    plugins: [admin(), bearer(), jwt(), multiSession(), ...plugins],
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: { disabled: true },
    ...options,
  });
  server.on("request", toNodeHandler(auth));
  for (const account of people(ADMINS)) {
    const { user } = await auth.api.signUpEmail({ body: account });
    db.user.find((row) => row.id === user.id).role = "admin";
  }
  return { origin, auth, db };
}

const people = (count) =>
  Array.from({ length: count }, (_, number) => ({ email: `admin-${number}@example.org`, password: PASSWORD, name: `Admin ${number}` }));

// The cookies of somebody who signed in two days ago.
async function aged({ auth, db }, account) {
  const answer = await auth.api.signInEmail({ body: account, asResponse: true });
  const { token } = await answer.json();
  const row = db.session.find((one) => one.token === token);
  row.createdAt = new Date(row.createdAt - 2 * 86_400_000);
  const lines = answer.headers.getSetCookie().filter((line) => line.includes("session_token="));
  return lines[0].split(";")[0];
}

const cookieCache = { enabled: true, maxAge: 300 };
const main = await serve({ session: { cookieCache } });
const defer = await serve({ session: { deferSessionRefresh: true, updateAge: 0 } });
const storage = await serve({ secondaryStorage: shared(), session: { updateAge: 0 } });
const limited = await serve({ rateLimit: { enabled: true } });
const custom = await serve({ plugins: [customSession(async ({ user, session }) => ({ user, session, motto: "to the point" }))] });

const admins = people(ADMINS);
const given = {
  against: "theirs",
  origin: main.origin,
  origins: { defer: defer.origin, storage: storage.origin, limited: limited.origin, custom: custom.origin },
  admins,
  due: [],
  aged: { admin: await aged(main, admins[2]) },
  features: ["fields", "defer", "multi", "bearer", "jwt", "admin", "custom", "cache", "delete", "race", "aged", "social"],
};
process.stdout.write(`${JSON.stringify({ value: given })}\n`);
process.stdin.resume().on("end", () => process.exit(0));
