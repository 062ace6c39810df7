// A tab: a page with `SessionProvider` in a window of its own, and the real client of the version that is asked for.
import { parentPort, workerData } from "node:worker_threads";
import { Window } from "happy-dom";

const { url, version } = workerData;
const settings = { navigation: { disableMainFrameNavigation: true } }; // the address changes, and nothing is loaded
const window = new Window({ url, settings });
const pending = new Map();
const logged = [];
let number = 0;
let visible = "visible";

Object.defineProperty(window.document, "visibilityState", { get: () => visible });
const store = window.localStorage;
const localStorage = {
  getItem: (key) => store.getItem(key),
  setItem(key, value) {
    store.setItem(key, value);
    parentPort.postMessage({ storage: { key, newValue: value } });
  },
};
for (const [name, value] of Object.entries({ window, document: window.document, navigator: window.navigator, localStorage })) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}
for (const level of ["error", "warn"]) console[level] = (...said) => logged.push(said.map(words).join(" "));
const words = (one) => one?.message ?? (typeof one === "object" ? JSON.stringify(one) : String(one));

// What the browser does for a page; here it is another thread.
globalThis.fetch = async (input, init = {}) => {
  const id = ++number;
  const headers = Object.fromEntries(new Headers(init.headers));
  const request = { url: new URL(input, window.location.href).href, method: (init.method ?? "GET").toUpperCase(), headers, body: init.body?.toString() };
  const answered = new Promise((resolve) => pending.set(id, resolve));
  parentPort.postMessage({ fetch: request, id });
  const answer = await answered;
  if (answer.failed) throw new TypeError("NetworkError when attempting to fetch resource.");
  return new Response(answer.text, { status: answer.status, headers: answer.headers });
};

const { createElement, useEffect } = await import("react");
const { createRoot } = await import("react-dom/client");
const imported = await import(version === "v5" ? "next-auth/react" : "next-auth-v4/react");
const auth = imported.SessionProvider ? imported : imported.default;

let latest;
const watching = new Set();

function Probe({ required }) {
  const now = auth.useSession({ required });
  useEffect(() => {
    latest = now;
    for (const look of [...watching]) look();
  });
  return createElement("p", { id: "who" }, `${now.status}: ${now.data?.user?.name ?? "nobody"}`);
}

const state = () => ({ status: latest.status, session: latest.data ?? null, text: window.document.querySelector("#who").textContent });

function becomes(status) {
  return new Promise((resolve) => {
    const look = () => {
      if (latest?.status !== status) return;
      watching.delete(look);
      resolve(state());
    };
    watching.add(look);
    look();
  });
}

const VERBS = {
  becomes,
  state,
  mount(status, { required = false, ...props } = {}) {
    const place = window.document.createElement("main");
    window.document.body.append(place);
    createRoot(place).render(createElement(auth.SessionProvider, props, createElement(Probe, { required })));
    return becomes(status);
  },
  focus() {
    for (visible of ["hidden", "visible"]) window.document.dispatchEvent(new window.Event("visibilitychange"));
  },
  update: (...data) => latest.update(...data),
  signIn: (...given) => auth.signIn(...given),
  signOut: (...given) => auth.signOut(...given),
  getSession: () => auth.getSession(),
  getProviders: () => auth.getProviders(),
  location: () => window.location.href,
  logged: () => logged.splice(0),
};

parentPort.on("message", async ({ id, verb, args, fetched, storage }) => {
  if (fetched) pending.get(id)(fetched);
  else if (storage) window.dispatchEvent(new window.StorageEvent("storage", storage));
  else {
    const said = await Promise.resolve()
      .then(() => VERBS[verb](...args))
      .then(
        (value) => ({ value }),
        (error) => ({ error: String(error.message) }),
      );
    parentPort.postMessage({ answer: { id, ...said } });
  }
});
