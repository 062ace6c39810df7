/** Every state of every component, each with a name that tests and people can ask for. */
import type { ReactElement } from "react";
import { type Ending, SessionError, type SessionRow, type SessionState } from "../src/client";
import {
  ActiveSessions,
  type MessageKey,
  Preferences,
  RecentlySignedOut,
  SessionExpiredModal,
  SessionExpiryWarning,
  SessionStatus,
} from "../src/react";
import { ADMIN_SCENES } from "./admin";
import type { Answers } from "./client";
import { NOW } from "./clock";
import { at, HERE, HOSTILE, MANY, MINUTE, PREFERENCES } from "./fixtures";

export interface Scene {
  content: ReactElement;
  answers?: Answers;
  state?: Partial<SessionState>;
  /** The list was fetched five minutes ago. */
  stale?: boolean;
  /** What is pressed first, by the words on it. */
  acts?: (MessageKey | (string & {}))[];
  /** What is there to be pressed when all is shown. */
  awaits?: MessageKey;
  /** No answer comes. */
  pending?: boolean;
  /** What else the address of the page says: these pages keep there what they show. */
  address?: string;
  /** It covers the page, so the page of all scenes only refers to it. */
  modal?: boolean;
}

const never = new Promise<never>(() => {});
const list = (sessions: SessionRow[]): object => ({ sessions, count: sessions.length, server_now: at(0) });
const failed = (code: string, status = 0, facts: Record<string, unknown> = {}): SessionError =>
  new SessionError(code, { status, facts, retryAfter: code === "rate_limited" ? 7 : null });
const stale = failed("reauth_required", 403, { methods: ["password"] });

const sessions = <ActiveSessions />;

const LISTS: Record<string, Scene> = {
  "sessions-several": { content: sessions },
  "sessions-only-here": { content: sessions, answers: { sessions: list([HERE]) } },
  "sessions-none": { content: sessions, answers: { sessions: list([]) } },
  "sessions-hostile-names": { content: sessions, answers: { sessions: list(HOSTILE) } },
  "sessions-a-hundred": { content: sessions, answers: { sessions: list(MANY) } },
  "sessions-without-end": {
    content: sessions,
    answers: {
      sessions: list([{ ...HERE, expires_at: at(400 * 1440 * MINUTE), ends_at: at(400 * 1440 * MINUTE) }]),
    },
  },
  "sessions-loading": { content: sessions, answers: { sessions: never }, pending: true },
  "sessions-refreshing": { content: sessions, answers: { sessions: never }, stale: true, pending: true },
  "sessions-offline": { content: sessions, state: { online: false } },
  "sessions-details": { content: sessions, acts: ["details.title"] },
  "sessions-signed-out-undo": { content: sessions, acts: ["row.signOut"] },
  "sessions-signing-out-fails": {
    content: sessions,
    answers: { revoke: failed("server", 500, { request_id: "req-7" }) },
    acts: ["row.signOut"],
  },
  "sessions-already-gone": {
    content: sessions,
    answers: { revoke: failed("not_found", 404) },
    acts: ["row.signOut"],
  },
};

const FAILURES: [string, number][] = [
  ["network", 0],
  ["offline", 0],
  ["timeout", 0],
  ["server", 503],
  ["forbidden", 403],
  ["rate_limited", 429],
];

for (const [code, status] of FAILURES) {
  const answers = { sessions: failed(code, status, { request_id: "req-42" }) };
  LISTS[`sessions-error-${code}`] = { content: sessions, answers };
  LISTS[`sessions-stale-${code}`] = { content: sessions, answers, stale: true };
}

const DIALOGS: Record<string, Scene> = {
  "dialog-sign-out-others": { content: sessions, acts: ["others.button"] },
  "dialog-not-me": { content: sessions, acts: ["row.notMe"] },
  "dialog-confirm-without-undo": {
    content: sessions,
    state: { limits: null },
    acts: ["row.signOut"],
  },
  "dialog-reauthenticate": {
    content: sessions,
    answers: { revokeOthers: stale },
    acts: ["others.button", "others.confirm"],
    awaits: "reauth.confirm",
    pending: true,
  },
};

const REST: Record<string, Scene> = {
  history: { content: <RecentlySignedOut /> },
  "history-none": { content: <RecentlySignedOut />, answers: { history: list([]) } },
  "history-error": { content: <RecentlySignedOut />, answers: { history: failed("network") } },
  preferences: { content: <Preferences /> },
  "preferences-chosen": {
    content: <Preferences />,
    answers: { preferences: { ...PREFERENCES, idle_timeout: 3600 } },
  },
  "status-signed-in": { content: <SessionStatus /> },
  "status-signed-out": {
    content: <SessionStatus />,
    answers: { current: failed("unauthenticated", 401) },
    state: { status: "signedOut", user: null, session: null },
  },
};

const ENDINGS: Record<string, Partial<Ending>> = {
  idle: { code: "session_expired", reason: "idle", limit: 900 },
  absolute: { code: "session_expired", reason: "absolute", limit: 30 * 86_400 },
  user: { reason: "user", device: "iPhone 13" },
  "user-undo": { reason: "user", device: "iPhone 13", undoUntil: NOW + 8000 },
  admin: { reason: "admin" },
  "password-changed": { reason: "password_changed" },
  replay: { reason: "replay" },
  reported: { reason: "reported" },
  unknown: { code: "unauthenticated" },
};

for (const [name, ending] of Object.entries(ENDINGS)) {
  const known = {
    code: "session_revoked",
    reason: null,
    device: null,
    undoUntil: null,
    limit: null,
    ...ending,
  };
  DIALOGS[`expired-${name}`] = {
    content: <SessionExpiredModal />,
    state: { status: "expired", ending: known },
  };
}
DIALOGS["expired-kept"] = {
  ...(DIALOGS["expired-idle"] as Scene),
  content: <SessionExpiredModal keepsInput />,
};
REST["expired-closed"] = { ...(DIALOGS["expired-idle"] as Scene), acts: ["common.close"] };

for (const kind of ["idle", "absolute"] as const) {
  const warning = { kind, endsAt: NOW + 118_000 };
  DIALOGS[`warning-${kind}`] = { content: <SessionExpiryWarning />, state: { warning } };
}

const modal = Object.entries(DIALOGS).map(([id, scene]): [string, Scene] => [id, { ...scene, modal: true }]);

export const SCENES: ReadonlyMap<string, Scene> = new Map([
  ...Object.entries(LISTS),
  ...Object.entries(REST),
  ...modal,
  ...ADMIN_SCENES,
]);
