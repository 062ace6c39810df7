// A browser as Better Auth's client meets one: it keeps cookies, names its origin, and says where a request comes from.
import http from "node:http";
import { adminClient, customSessionClient, inferAdditionalFields, jwtClient, multiSessionClient } from "better-auth/client/plugins";

// Each browser has an address of its own on the loopback network: attempts to sign in are counted by address.
let homes = 0;
const home = () => `127.${(process.pid % 200) + 20}.${(homes >> 8) + 1}.${(homes++ % 254) + 1}`;

const AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const PAGE = { "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" };

export class Browser {
  cookies = new Map(); // name → {value, attributes}
  answers = []; // all of them, with what was asked

  constructor(origin, { address = home(), agent = AGENT } = {}) {
    Object.assign(this, { origin, address, agent });
    this.fetch = this.fetch.bind(this);
  }

  // What a page's `fetch` does; the answer hides `Set-Cookie`, as a browser does.
  async fetch(input, init = {}) {
    const url = new URL(input instanceof Request ? input.url : input, this.origin);
    const method = (init.method ?? "GET").toUpperCase();
    const headers = { ...PAGE, ...Object.fromEntries(new Headers(init.headers)) };
    if (method !== "GET" && method !== "HEAD") headers.origin ??= this.origin;
    const answer = await this.ask(method, url.pathname + url.search, { headers, body: init.body, signal: init.signal });
    const seen = Object.entries(answer.headers).filter(([name]) => name !== "set-cookie");
    return new Response(answer.status === 204 ? null : answer.text, { status: answer.status, statusText: answer.words, headers: seen });
  }

  // One request with exactly these headers, the cookies and the name of the browser.
  async ask(method, path, { headers = {}, body, json, signal, cookies = true } = {}) {
    const sent = { "user-agent": this.agent, accept: "*/*", ...headers };
    const text = json === undefined ? body : JSON.stringify(json);
    if (json !== undefined) sent["content-type"] ??= "application/json";
    if (cookies && this.cookies.size) sent.cookie ??= this.cookie();
    for (const name of Object.keys(sent)) if (sent[name] === undefined) delete sent[name];
    const answer = await exchange({ url: new URL(path, this.origin), method, headers: sent, text, signal, address: this.address });
    for (const line of answer.headers["set-cookie"] ?? []) this.#receive(line);
    this.answers.push({ ...answer, method, path, sent });
    return answer;
  }

  // The same as a script of our own origin would ask.
  post(path, json = {}, headers = {}) {
    return this.ask("POST", path, { json, headers: { ...PAGE, origin: this.origin, ...headers } });
  }

  get(path, headers = {}) {
    return this.ask("GET", path, { headers: { ...PAGE, ...headers } });
  }

  get last() {
    return this.answers.at(-1);
  }

  cookie() {
    return [...this.cookies].map(([name, { value }]) => `${name}=${value}`).join("; ");
  }

  // Another program that got hold of all cookies of this one.
  stolen() {
    const thief = new Browser(this.origin, { agent: this.agent });
    thief.cookies = new Map(this.cookies);
    return thief;
  }

  keep(name, value) {
    this.cookies.set(name, { value, attributes: {} });
  }

  #receive(line) {
    const { name, value, attributes } = parsed(line);
    const gone = Number(attributes["max-age"]) <= 0 || new Date(attributes.expires) < new Date();
    if (gone) this.cookies.delete(name);
    else this.cookies.set(name, { value, attributes });
  }
}

export function parsed(line) {
  const [pair, ...rest] = line.split(/; ?/);
  const at = pair.indexOf("=");
  const attributes = Object.fromEntries(rest.map((one) => [one.split("=")[0].toLowerCase(), one.slice(one.indexOf("=") + 1)]));
  return { name: pair.slice(0, at), value: pair.slice(at + 1), attributes };
}

function exchange({ url, method, headers, text, signal, address }) {
  if (text !== undefined && text !== null) headers["content-length"] = Buffer.byteLength(text);
  else if (method === "POST") headers["content-length"] = 0;
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, signal, localAddress: address, agent: false }, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part)).on("error", reject);
      response.on("end", () => resolve(read(response, Buffer.concat(parts).toString())));
    });
    request.on("error", reject).end(text ?? undefined);
  });
}

function read(response, text) {
  const answer = { status: response.statusCode, words: response.statusMessage, headers: response.headers, text };
  if (text && String(response.headers["content-type"]).includes("json")) answer.json = JSON.parse(text);
  return answer;
}

// Better Auth's client, as it is published, in a browser; `createAuthClient` is that of the framework.
export function clientIn(browser, createAuthClient, options = {}) {
  const fields = inferAdditionalFields({ session: { theme: { type: "string", required: false } } });
  return createAuthClient({
    baseURL: browser.origin,
    plugins: [adminClient(), jwtClient(), multiSessionClient(), customSessionClient(), fields],
    ...options,
    fetchOptions: { customFetchImpl: browser.fetch, ...options.fetchOptions },
  });
}
