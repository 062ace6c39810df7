/** What everything under a `SessionProvider` shares. */

import { type ComponentType, createContext, useContext } from "react";
import type { SessionClient, SessionRow } from "../client/types";
import type { ButtonProps } from "./Button";
import type { DialogProps } from "./Dialog";
import type { IconProps } from "./Icon";
import type { Say, Translate } from "./messages";
import type { Store } from "./store";
import type { Words } from "./words";

export interface Notice {
  kind: "success" | "error";
  text: string;
  /** It is to be seen where it happened already: only to be heard. */
  quiet?: boolean;
}

/** A sign-out that was asked for: under way, waiting for second thoughts, or failed. */
export interface Hold {
  row: SessionRow;
  state: "ending" | "held" | "undoing" | "failed";
  /** Until when it can be undone, ms of the server's clock; null: not at all. */
  until: number | null;
  error?: unknown;
}

/** Somebody waits for proof of who is here. */
export interface Question {
  methods: string[];
  answer: Promise<boolean>;
  resolve(confirmed: boolean): void;
}

/** Your own instead of ours; they get the same props. */
export interface Slots {
  Button?: ComponentType<ButtonProps>;
  Dialog?: ComponentType<DialogProps>;
  Icon?: ComponentType<IconProps>;
}

export interface Shared extends Words {
  client: SessionClient;
  locale: string;
  loginUrl: string;
  t: Translate;
  say: Say;
  notify(notice: Notice): void;
  navigate(url: string): void;
  /** Class names of our parts, and those that were given for them. */
  cx(...parts: (string | false | null | undefined)[]): string | undefined;
  slots: Slots;
  board: Store<(Notice & { id: number })[]>;
  boards: Store<number>;
  holds: Store<Hold[]>;
  question: Store<Question | null>;
  askers: Store<number>;
}

export const SessionContext = createContext<Shared | null>(null);

export function useShared(): Shared {
  const shared = useContext(SessionContext);
  if (!shared) throw new Error("Put a <SessionProvider> around the parts of Sojourn.");
  return shared;
}
