// Better Auth over one SQLite file, signed in without hashing a password; or node:http alone.
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { join } from "node:path";

const USERS = 1000;
const name = (number) => `user-${String(number % USERS).padStart(3, "0")}`;
const email = (number) => `${name(number)}@example.org`;

/** A server without sessions. */
export function bare() {
  return createServer((request, response) => answer(response, 200, { user: name(0) }));
}

/** Better Auth as its documentation sets it up; `cookieCache` is its signed copy in a second cookie. */
export async function betterAuth({ folder, cookieCache }) {
  const [{ betterAuth: make }, { getMigrations }, { default: Database }] = await Promise.all([
    import("better-auth"),
    import("better-auth/db/migration"),
    import("better-sqlite3"),
  ]);
  const database = new Database(join(folder, "better_auth.db"));
  database.pragma("journal_mode = wal"); // kinder than the default
  database.pragma("synchronous = normal");
  const auth = make({
    database,
    secret: randomBytes(32).toString("base64"),
    baseURL: "http://127.0.0.1:8000",
    emailAndPassword: {
      enabled: true,
      password: { hash: async (password) => password, verify: async () => true },
    },
    session: { cookieCache: { enabled: cookieCache, maxAge: 300 } },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
  });
  await (await getMigrations(auth.options)).runMigrations();
  for (let number = 0; number < USERS; number++) {
    const body = { name: name(number), email: email(number), password: "a long password" };
    await auth.api.signUpEmail({ body });
  }
  return auth;
}

/** The same three answers as all the measured applications give. */
export function serving(auth, fromNodeHeaders) {
  return createServer(async (request, response) => {
    const url = new URL(request.url, "http://127.0.0.1");
    try {
      if (url.pathname === "/create") {
        const made = await signIn(auth, Number(url.searchParams.get("user")));
        response.setHeader("set-cookie", made.headers.getSetCookie());
        answer(response, made.status, {});
      } else {
        const found = await auth.api.getSession({ headers: fromNodeHeaders(request.headers) });
        answer(response, found ? 200 : 401, { user: found?.user.email });
      }
    } catch (error) {
      answer(response, 500, { error: String(error) });
    }
  });
}

export function signIn(auth, number) {
  const body = { email: email(number), password: "a long password" };
  return auth.api.signInEmail({ body, asResponse: true });
}

function answer(response, status, body) {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}
