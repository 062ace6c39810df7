/** What the parts of one client share: facts in one object, and functions around it. */

import type { Message } from "./channel.ts";
import type { SessionError } from "./errors.ts";
import type { Emitter } from "./events.ts";
import type { Clock, Hint, Memory } from "./hint.ts";
import type {
  Current,
  Ending,
  SessionClientOptions,
  SessionEvents,
  SessionList,
  SessionState,
  User,
} from "./types.ts";

export type Options = SessionClientOptions &
  Required<Pick<SessionClientOptions, "baseUrl" | "channel" | "timeout" | "warnBefore" | "onError">>;

export interface Core {
  options: Options;
  bearer: boolean;
  /** Tells this client's messages from those of others in the same page. */
  id: number;
  state: SessionState;
  /** Counts sign-ins and sign-outs: an answer from before the last one counts no more. */
  epoch: number;
  /** A sign-out is under way here: what the server says of the session meanwhile is no news. */
  leaving: boolean;
  memory: Memory;
  /** Bearer mode: until `memory` is complete. */
  ready?(): Promise<void>;
  clock: Clock;
  emitter: Emitter<SessionEvents & { state: SessionState }>;
  /** Whose session it was last, while nobody is signed in too. */
  who: User | null;
  /** The hint that goes with `state`. */
  hint: Hint | null;
  /** The server's time in the answer that `state` is from. */
  seenAt: number;
  /** Why the session is over, as another tab says. */
  announced: Ending | null;
  checking: Promise<Current> | null;
  checkedAt: number;
  /** The refresh that is under way, and how to end it. */
  flight: Promise<void> | null;
  quit?: AbortController;
  /** After a failed one: no other for that token until then. */
  cooling?: { mark: string; until: number; error: SessionError };
  failures: number;
  /** The whole list of sessions as it was served or fetched last. */
  listed?: SessionList | null;
  /** The id of what the event stream said last. */
  lastId: string;
  /** See whether `listed` is the list that the stream began with. One from after *at*, if given, is newer. */
  compare?(at?: string): void;
  /** What goes on between `start` and `stop`; it comes a little later than the rest. */
  live?: Live;
}

export interface Live {
  start(): void;
  stop(): void;
  /** Something is known that was not. */
  changed(): void;
  /** The server knows that a person was here at *at*; *here*: from us. */
  told(at: number, here: boolean): void;
  /** The warning that is due in *next*: only for what the server has just said. */
  warningOf(next: SessionState): SessionState["warning"];
  /** The end of the session if it has passed: for a 401 that does not say why. */
  timeUp(): Ending | null;
  readonly open: number;
}

export const INFINITE: number = Number.POSITIVE_INFINITY;
const PATIENCE = 1_000;
const STEP = 50;

/** Whether *test* holds within a second: what another tab did is not always seen at once. */
export async function soon(test: () => boolean, patience = PATIENCE): Promise<boolean> {
  const end = performance.now() + patience;
  while (!test()) {
    if (performance.now() >= end) return false;
    await new Promise((done) => setTimeout(done, STEP));
  }
  return true;
}

/** Tell the other tabs. */
export function post({ options: { channel }, id }: Core, message: Message): void {
  if (typeof BroadcastChannel !== "undefined") {
    const line = new BroadcastChannel(channel);
    line.postMessage([message, id]);
    line.close();
    return;
  }
  try {
    localStorage.setItem(`${channel}:line`, JSON.stringify([message, Math.random()])); // an equal value is no event
    localStorage.removeItem(`${channel}:line`);
  } catch {}
}
