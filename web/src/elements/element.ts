/** What the elements have in common: they render into the page itself, and close everything when they leave it. */
import { createElement, type ReactElement } from "react";
import { SessionProvider } from "../react";
import { type Words, wordsOf } from "./catalogues";
import { type Shared, share } from "./clients";
import { type Takeover, takeOver } from "./takeover";

/** There is no such class on a server, where the module may be imported too. */
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);

/** Those of the language, else English; null if these cannot be had either. */
async function spoken(language: string): Promise<(Words & { locale: string }) | null> {
  for (const locale of [language, "en"]) {
    try {
      return { locale, ...(await wordsOf(locale)) };
    } catch {}
  }
  return null;
}

interface Mounted {
  shared: Shared;
  place: Takeover;
}

export abstract class SojournElement extends Base {
  static readonly observedAttributes: readonly string[] = ["base-url", "lang", "login-url", "password-url"];

  #mounted: Mounted | null = null;

  /** The component that the element stands for. */
  protected abstract content(): ReactElement;

  /** Whether another element of the page tells what has been done. */
  protected get silent(): boolean {
    return false;
  }

  connectedCallback(): void {
    void this.#update();
  }

  /** An element that is only moved is connected again at once, and keeps what it shows. */
  disconnectedCallback(): void {
    queueMicrotask(() => {
      if (!this.isConnected) this.#close();
    });
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (before === after || !this.isConnected) return;
    if (name === "base-url") this.#close();
    void this.#update();
  }

  get #language(): string {
    return this.closest("[lang]")?.getAttribute("lang") || "en";
  }

  /** Without words, what stands inside goes on standing there. */
  async #update(): Promise<void> {
    const language = this.#language;
    const words = await spoken(language);
    if (words === null || !this.isConnected || language !== this.#language) return;
    const { shared, place } = this.#open();
    const props = {
      ...words,
      client: shared.client,
      queryClient: shared.queryClient,
      loginUrl: this.getAttribute("login-url") ?? undefined,
      notify: this.silent ? () => {} : undefined,
    };
    place.render(createElement(SessionProvider, props, this.content()));
  }

  #open(): Mounted {
    this.#mounted ??= { shared: share(this.getAttribute("base-url") ?? "/api/auth"), place: takeOver(this) };
    return this.#mounted;
  }

  #close(): void {
    this.#mounted?.place.unmount();
    this.#mounted?.shared.release();
    this.#mounted = null;
  }
}
