/** What scripts may know of the session without asking: the hint, and the server's clock. */

import type { Current } from "./types.ts";

export interface Hint {
  generation: number;
  /** ms of the server's clock; null: it does not end by inactivity. */
  idleEnd: number | null;
  end: number;
  serverNow: number;
  user: string;
  session: string;
  /** Bearer mode: the tokens. */
  access?: string;
  refresh?: string;
}

export type Brought = Partial<
  Pick<Current, "access_token" | "refresh_token" | "user" | "session" | "server_now">
>;

const VALUE = "sojourn-hint=v1\\.(\\d+)\\.(\\d+|-)\\.(\\d+)\\.(\\d+)\\.([\\w-]+)\\.([\\w-]+)(?:;|$)";

/** The companion cookie: set with the session cookie, readable, and worth nothing to a thief. */
export function readCookie(cookies: string): Hint | null {
  const find = (prefix: string) => new RegExp(`(?:^|; )${prefix}${VALUE}`).exec(cookies);
  const found = find("__Host-") ?? find("");
  if (!found) return null;
  const [, generation, idleEnd, end, serverNow, user = "", session = ""] = found;
  const idle = idleEnd === "-" ? null : Number(idleEnd);
  return {
    generation: Number(generation),
    idleEnd: idle,
    end: Number(end),
    serverNow: Number(serverNow),
    user,
    session,
  };
}

export interface Memory {
  /** Whether a hint can be seen from here at all: not the cookie of another origin. */
  visible: boolean;
  read(): Hint | null;
  /** Changes whenever the token moved; "": there is none. */
  mark(): string;
  /** Somebody refreshed: counts where there is nothing to be read. */
  bump(): void;
  /** Bearer mode: keep the tokens that *answer* brought. */
  keep(answer: Brought): void;
  drop(): void;
}

export function markOf(hint: Hint | null): string {
  return hint ? `${hint.session}.${hint.generation}` : "";
}

/** Cookie mode: the browser keeps everything, we only look. */
export function cookieMemory(visible: boolean): Memory {
  let heard = 0;
  const read = () => (visible ? readCookie(document.cookie) : null);
  return {
    visible,
    read,
    mark: () => (visible ? markOf(read()) : `${heard}`),
    bump: () => heard++,
    keep() {},
    drop() {},
  };
}

const SLOW = 10_000; // ms

export interface Clock {
  /** The server's clock, ms. */
  now(): number;
  /**
   * *told*: the server's time in an answer to what was sent at *sent*; of two sources the better one counts.
   * An answer that was long on its way says little: the machine may have slept meanwhile.
   */
  learn(told: number, sent: number, source: 1 | 2 | 3): void;
}

/** 3: JSON of an answer; 2: the hint; 1: the header `Date`, which knows only seconds. */
export function createClock(): Clock {
  let offset = 0;
  let best = 0;
  return {
    now: () => Date.now() + offset,
    learn(told, sent, source) {
      const received = Date.now();
      const trip = Math.max(0, received - sent);
      if (!(told > 0) || source < best || (best && trip > SLOW)) return;
      if (trip <= SLOW) best = source;
      offset = told + trip / 2 - received;
    },
  };
}
