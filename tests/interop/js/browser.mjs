// A browser that runs no script: it keeps cookies, follows redirects, fills in forms and clicks on links.

const decoded = (text) => text.replaceAll("&#34;", '"').replaceAll("&#39;", "'").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
const attribute = (tag, name) => decoded(tag.match(new RegExp(`\\b${name}="([^"]*)"`))?.[1] ?? "");

export class Browser {
  #cookies = new Map();

  constructor(leaving) {
    this.leaving = leaving; // the address of which it only tells that it was sent there
  }

  async open(url, options = {}) {
    this.url = new URL(url, this.url);
    if (this.url.href.startsWith(this.leaving)) {
      this.left = this.url;
      return this;
    }
    const headers = { ...options.headers, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document", accept: "text/html" };
    if (this.#cookies.size) headers.cookie = [...this.#cookies].map((pair) => pair.join("=")).join("; ");
    const response = await fetch(this.url, { ...options, headers, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) this.#receive(line);
    const location = response.headers.get("location");
    if (location === null) {
      this.status = response.status;
      this.page = await response.text();
      return this;
    }
    return this.open(location);
  }

  keep(name, value) {
    this.#cookies.set(name, value);
  }

  #receive(line) {
    const [pair, ...attributes] = line.split("; ");
    const [name, value] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
    if (attributes.some((one) => one.toLowerCase() === "max-age=0")) this.#cookies.delete(name);
    else this.keep(name, value);
  }

  // Fill in the form of the page that leads to *action*, and send it.
  submit(action, values) {
    const forms = this.page.match(/<form\b[\s\S]*?<\/form>/g) ?? [];
    const form = forms.find((one) => attribute(one, "action") === action);
    if (!form) throw new Error(`no form for ${action} on ${this.url}: ${this.page}`);
    const fields = Object.fromEntries(
      [...form.matchAll(/<input[^>]*>/g)]
        .filter(([tag]) => attribute(tag, "type") !== "checkbox")
        .map(([tag]) => [attribute(tag, "name"), attribute(tag, "value")]),
    );
    return this.open(action, {
      method: "POST",
      headers: { origin: this.url.origin, "sec-fetch-site": "same-origin" },
      body: new URLSearchParams({ ...fields, ...values }),
    });
  }

  links() {
    return [...this.page.matchAll(/<a\b[^>]*>/g)].map(([tag]) => attribute(tag, "href"));
  }

  click(words) {
    const link = [...this.page.matchAll(/<a\b[^>]*>([\s\S]*?)<\/a>/g)].find(([, text]) => text.trim() === words)?.[0];
    if (!link) throw new Error(`no link ${words} on ${this.url}: ${this.page}`);
    return this.open(attribute(link, "href"));
  }
}
