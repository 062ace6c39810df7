// A plain page that uses the built client, and remembers what it was told.
import { createSessionClient, formats } from "/harness/lib/client.js";

const { started = true, ...options } = JSON.parse(document.getElementById("options").textContent);
const EVENTS = "expired restored refreshed signedIn signedOut sessions warning online".split(" ");

const heard = [];
const violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  violations.push(`${event.violatedDirective} ${event.blockedURI}`),
);

/** How many requests of the client are under way, and how many there were. */
const traffic = { pending: 0, sent: 0 };
async function counted(...given) {
  traffic.sent++;
  traffic.pending++;
  try {
    return await fetch(...given);
  } finally {
    traffic.pending--;
  }
}

const onError = (error) => violations.push(`${error}`);
const client = createSessionClient({ ...options, onError, fetch: counted });
for (const name of EVENTS) {
  client.on(name, (detail) => heard.push({ name, detail: detail ?? null, at: Date.now() }));
}
client.subscribe(({ status, user }) => {
  document.getElementById("status").textContent = status;
  document.getElementById("who").textContent = user?.email ?? "";
});

/** What came of *work*, as a value that can be handed out of the page. */
async function settled(work) {
  try {
    const value = await work;
    return { ok: true, value: value instanceof Response ? await told(value) : (value ?? null) };
  } catch (error) {
    const { name, code, status, message, retryAfter, requestId, reason } = error;
    return { ok: false, name, code, status, message, retryAfter, requestId, reason };
  }
}

async function told(response) {
  return { status: response.status, text: await response.text() };
}

/** *count* requests of the page at the same time; each one's outcome. */
const burst = (count, path) =>
  Promise.all(Array.from({ length: count }, () => settled(client.fetch(path))));

async function list() {
  const { sessions } = await client.sessions();
  const rows = sessions.map(({ device }) => {
    const row = document.createElement("li");
    row.textContent = device.name;
    return row;
  });
  document.getElementById("devices").replaceChildren(...rows);
}

let polling;
const polls = [];
function poll(every) {
  polling = setInterval(async () => {
    const outcome = await settled(client.sessions(undefined, { passive: true }));
    polls.push(outcome.ok ? "ok" : outcome.code);
    if (!outcome.ok) clearInterval(polling);
  }, every);
}

/** What the page was left with when it went into the cache, and what it came back with. */
const shown = [];
addEventListener("pageshow", (event) => shown.push(event.persisted));

window.harness = { client, formats, heard, violations, traffic, settled, burst, list, poll, polls, shown };
if (started) client.start();
