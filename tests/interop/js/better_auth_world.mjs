// What checks of the Better Auth dialect are made of: people, browsers, and what each side must do where the two differ.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { Browser, clientIn } from "./better_auth_browser.mjs";

export const PASSWORD = "difference engine no. 2";

const TABLE = [];

// One row: a name for good, what it shows, and how that is found out. The group is that of the name.
export function check(id, title, act, needs = []) {
  TABLE.push({ id, group: id.replace(/-?\d+$/, ""), title, act, needs: [needs].flat() });
}

// Everything that a check may use. *given*: `against` ("ours" or "theirs"), `origin`, `admins`, `features`, and
// addresses of servers that are set up otherwise.
export class World {
  constructor(given, createAuthClient) {
    Object.assign(this, given, { createAuthClient });
    this.browsers = [];
  }

  // What this side must do; both are written down where we deliberately do something else.
  side(ours, theirs) {
    this.differs ||= !isDeepStrictEqual(ours, theirs);
    return this.against === "ours" ? ours : theirs;
  }

  get ours() {
    return this.against === "ours";
  }

  browser(origin = this.origin, options = {}) {
    const browser = new Browser(origin, options);
    this.browsers.push(browser);
    return browser;
  }

  client(browser, options) {
    return clientIn(browser, this.createAuthClient, options);
  }

  email() {
    return `${randomBytes(8).toString("hex")}@example.org`;
  }

  // Somebody who has just signed up: their browser, the client in it, and what it said.
  async person({ origin = this.origin, name = "Ada", ...more } = {}) {
    const browser = this.browser(origin);
    const client = this.client(browser);
    const email = this.email();
    const data = done(await client.signUp.email({ email, password: PASSWORD, name, ...more }));
    return { browser, client, email, password: PASSWORD, ...data };
  }

  // The same person in another browser.
  async again({ email, password = PASSWORD, browser: { origin } }, more = {}) {
    const browser = this.browser(origin);
    const client = this.client(browser);
    const data = done(await client.signIn.email({ email, password, ...more }));
    return { browser, client, email, password, ...data };
  }

  // An administrator of that number, in a browser of their own.
  async admin(number = 0, origin = this.origin) {
    return this.again({ ...this.admins[number], browser: { origin } });
  }

  // An administrator whom nobody else is: in no other browser, and no other check.
  async ownAdmin() {
    const { client } = await this.admin();
    const made = await this.person({ name: "Root" });
    done(await client.admin.setRole({ userId: made.user.id, role: "admin" }));
    return this.again(made);
  }

  // Somebody with only a bearer token: a program without cookies.
  bearer(token, origin = this.origin) {
    const program = this.browser(origin, { agent: "Analytical/1" });
    const headers = { authorization: `Bearer ${token}` };
    return {
      get: (path) => program.ask("GET", path, { headers, cookies: false }),
      post: (path, json = {}) => program.ask("POST", path, { headers, json, cookies: false }),
    };
  }
}

// The data of a call that must succeed.
export function done({ data, error }) {
  assert.equal(error, null, `refused: ${JSON.stringify(error)}`);
  return data;
}

// The refusal of a call that must not.
export function refused({ data, error }, status, code) {
  assert.ok(error, `not refused: ${JSON.stringify(data)}`);
  assert.deepEqual({ status: error.status, code: error.code }, { status, code }, JSON.stringify(error));
  return error;
}

// The same of a raw answer.
export function answered(answer, status, code) {
  const { json } = answer;
  assert.deepEqual({ status: answer.status, code: json?.code }, { status, code }, `${answer.status} ${answer.text}`);
  return answer;
}

export const session = async (client) => done(await client.getSession());

// Until *seen* says so: what is asked for is on its way, and comes within *seconds*.
export async function until(seen, seconds = 5) {
  for (const end = performance.now() + seconds * 1000; ; ) {
    const found = await seen();
    if (found) return found;
    assert.ok(performance.now() < end, `not within ${seconds} s`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

// Run the checks that *given* asks for, some at a time, and say what became of each. What looks back at all
// that was answered comes last.
export async function run(world, atOnce = 3) {
  const wanted = TABLE.filter(({ id, group }) => world.only?.some((one) => id === one || group === one) ?? true);
  const last = wanted.filter(({ needs }) => needs.includes("all"));
  const rows = [];
  const queue = wanted.filter((one) => !last.includes(one));
  const work = async () => {
    for (let one; (one = queue.shift()); ) rows.push(await tried(world, one));
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  for (const one of last) rows.push(await tried(world, one));
  return rows.sort((one, other) => TABLE.findIndex(({ id }) => id === one.id) - TABLE.findIndex(({ id }) => id === other.id));
}

async function tried(world, { id, group, title, act, needs }) {
  const row = { id, group, title };
  const lacking = needs.filter((need) => need !== "all" && !world.features.includes(need));
  if (lacking.length) return { ...row, ok: true, skipped: `without ${lacking.join(", ")}` };
  const own = Object.create(world, { differs: { value: false, writable: true } });
  try {
    await act(own);
    return { ...row, ok: true, differs: own.differs };
  } catch (error) {
    const where = error.stack?.split("\n").find((line) => line.includes("better_auth"))?.trim();
    return { ...row, ok: false, differs: own.differs, why: `${error.message}\n${where}` };
  }
}
