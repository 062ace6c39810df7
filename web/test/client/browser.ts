/** A browser in miniature for the client's tests: locks, channels, a cookie jar, trusted input. */
import { vi } from "vitest";

/** Web Locks, with the frozen tab that never gives one back. */
export class Locks {
  held = new Set<string>();
  waiting: { name: string; go: () => void }[] = [];
  granted: string[] = [];

  hold(name: string): () => void {
    this.held.add(name);
    return () => this.release(name);
  }

  release(name: string): void {
    this.held.delete(name);
    const next = this.waiting.findIndex((entry) => entry.name === name);
    if (next >= 0) this.waiting.splice(next, 1)[0]?.go();
  }

  async request(
    name: string,
    options: { signal?: AbortSignal; ifAvailable?: boolean },
    act: (lock: object | null) => unknown,
  ): Promise<unknown> {
    if (options.signal?.aborted) throw new DOMException("aborted", "AbortError");
    if (this.held.has(name)) {
      if (options.ifAvailable) return act(null);
      await new Promise<void>((go, no) => {
        const entry = { name, go };
        this.waiting.push(entry);
        options.signal?.addEventListener("abort", () => {
          if (!this.waiting.includes(entry)) return;
          this.waiting.splice(this.waiting.indexOf(entry), 1);
          no(new DOMException("aborted", "AbortError"));
        });
      });
    }
    this.held.add(name);
    this.granted.push(name);
    try {
      return await act({ name });
    } finally {
      this.release(name);
    }
  }
}

/** Delivers to every other open channel of the name, in a later task as the real one does. */
export class Line {
  static open = new Set<Line>();
  static sent: [{ is: string }, number][] = [];
  onmessage: ((event: { data: unknown }) => void) | null = null;
  constructor(readonly name: string) {
    Line.open.add(this);
  }
  postMessage(data: unknown): void {
    Line.sent.push(data as [{ is: string }, number]);
    for (const other of Line.open) {
      if (other === this || other.name !== this.name) continue;
      setTimeout(() => Line.open.has(other) && other.onmessage?.({ data: structuredClone(data) }), 0);
    }
  }
  close(): void {
    Line.open.delete(this);
  }
}

const signs = new Map<string, Set<(event: object) => void>>();

/** What a person does; scripts cannot make an event that is trusted. */
export function person(type = "keydown", isTrusted = true, target: Element | null = null): void {
  for (const listener of signs.get(type) ?? []) listener({ type, isTrusted, target });
}

export interface Browser {
  locks: Locks | undefined;
  visible: boolean;
  focused: boolean;
  online: boolean;
}

export const browser: Browser = { locks: new Locks(), visible: true, focused: true, online: true };

export const HINT = "sojourn-hint";

export function setHint(value: string | null): void {
  // biome-ignore lint/suspicious/noDocumentCookie: jsdom has no Cookie Store
  document.cookie = value === null ? `${HINT}=; max-age=0; path=/` : `${HINT}=${value}; path=/`;
}

/** A new browser; time stands still until a test moves it. */
export function open(): void {
  Object.assign(browser, { locks: new Locks(), visible: true, focused: true, online: true });
  vi.useFakeTimers({ now: Date.UTC(2025, 10, 8, 12) });
  Line.open.clear();
  Line.sent = [];
  signs.clear();
  vi.stubGlobal("BroadcastChannel", Line);
  const property = (target: object, name: string, get: () => unknown) =>
    Object.defineProperty(target, name, { configurable: true, get });
  property(navigator, "locks", () => browser.locks);
  property(navigator, "onLine", () => browser.online);
  property(document, "visibilityState", () => (browser.visible ? "visible" : "hidden"));
  document.hasFocus = () => browser.focused;
  localStorage.clear();
  setHint(null);
  watchListeners();
}

function watchListeners(): void {
  const { addEventListener, removeEventListener } = window;
  vi.spyOn(window, "addEventListener").mockImplementation(
    (type: string, given: unknown, options?: unknown) => {
      const listener = given as never;
      const known = signs.get(type) ?? new Set();
      signs.set(type, known.add(listener));
      addEventListener.call(window, type, listener, options as never);
    },
  );
  vi.spyOn(window, "removeEventListener").mockImplementation(
    (type: string, given: unknown, options?: unknown) => {
      const listener = given as never;
      signs.get(type)?.delete(listener);
      removeEventListener.call(window, type, listener, options as never);
    },
  );
}

export function close(): void {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
}

/** Let *ms* pass, with all that happens in them. */
export async function pass(ms = 0): Promise<void> {
  await vi.dynamicImportSettled();
  await vi.advanceTimersByTimeAsync(ms);
}

/** The machine sleeps: the wall clock goes on, timers and the monotonic clock do not. */
export function sleep(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

export function happen(target: EventTarget, type: string, details: object = {}): void {
  target.dispatchEvent(Object.assign(new Event(type), details));
}

export function show(visible: boolean): void {
  browser.visible = visible;
  happen(document, "visibilitychange");
}

export function connect(online: boolean): void {
  browser.online = online;
  happen(window, online ? "online" : "offline");
}
