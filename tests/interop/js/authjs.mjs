// A browser for pages that use `next-auth/react`: it keeps the cookies, does what tabs ask, and tells tabs of each other.
// In, a line each: {origin, version, agent}, then [verb, ...arguments]. Out, a line for each: {value} or {error}.
import { createInterface } from "node:readline";
import { Worker } from "node:worker_threads";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { origin, version, agent } = JSON.parse((await lines.next()).value);
const cookies = new Map();
const tabs = new Map(); // name → worker
const asked = []; // what tabs fetched, and what came back
const waiting = new Map(); // by number: what a tab has not answered yet
let number = 0;

function receive(line) {
  const [pair, ...attributes] = line.split("; ");
  const [name, value] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
  if (attributes.includes("Max-Age=0")) cookies.delete(name);
  else cookies.set(name, value);
}

// As a browser sends what a script of a page asks for.
async function fetched({ url, method, headers, body }, from) {
  const sent = { ...headers, "sec-fetch-site": "same-origin", "user-agent": agent };
  if (method !== "GET") sent.origin = origin;
  if (cookies.size) sent.cookie = [...cookies].map((pair) => pair.join("=")).join("; ");
  const note = { tab: from, method, path: new URL(url).pathname, sent: body };
  try {
    const answer = await fetch(url, { method, headers: sent, body, redirect: "manual" });
    const set = answer.headers.getSetCookie();
    set.forEach(receive);
    const text = await answer.text();
    Object.assign(note, { status: answer.status, body: text, set: set.length });
    return { status: answer.status, text, headers: [["content-type", answer.headers.get("content-type") ?? ""]] };
  } catch {
    return { failed: true };
  } finally {
    asked.push(note);
    for (const look of [...watching]) look();
  }
}

const watching = new Set();

// Until tabs have fetched *count* times *path* since the last time anybody asked.
function fetches(count, path) {
  return new Promise((resolve) => {
    const look = () => {
      if (asked.filter((one) => one.path === path).length < count) return;
      watching.delete(look);
      resolve(asked.splice(0));
    };
    watching.add(look);
    look();
  });
}

function open(name, page = "/page") {
  const tab = new Worker(new URL("./authjs_tab.mjs", import.meta.url), { workerData: { url: origin + page, version } });
  tabs.set(name, tab);
  tab.on("message", async ({ answer, fetch: request, id, storage }) => {
    if (answer) {
      waiting.get(answer.id)(answer);
      waiting.delete(answer.id);
    } else if (request) tab.postMessage({ fetched: await fetched(request, name), id });
    else for (const other of tabs.values()) if (other !== tab) other.postMessage({ storage });
  });
  tab.on("error", (error) => {
    throw error;
  });
}

function tell(name, verb, args) {
  const id = ++number;
  return new Promise((resolve, reject) => {
    waiting.set(id, ({ value, error }) => (error ? reject(new Error(error)) : resolve(value)));
    tabs.get(name).postMessage({ id, verb, args });
  });
}

const VERBS = {
  open,
  fetches,
  tell: (name, verb, ...args) => tell(name, verb, args),
  // The same in several tabs at once.
  each: (names, verb, ...args) => Promise.all(names.map((name) => tell(name, verb, args))),
  keep: (name, value) => void cookies.set(name, value),
  cookies: () => Object.fromEntries(cookies),
  asked: () => asked.splice(0),
};

for await (const line of lines) {
  const [verb, ...args] = JSON.parse(line);
  const said = await Promise.resolve(VERBS[verb](...args)).then(
    (value) => ({ value }),
    (error) => ({ error: String(error.message) }),
  );
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
process.exit();
