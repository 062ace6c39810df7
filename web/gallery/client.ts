/** A client that asks nobody: it answers as a scene says, at the stopped moment, and never twice differently. */
import type { SessionClient, SessionState } from "../src/client";
import { NOW } from "./clock";
import { at, CURRENT, DEVICES, ENDED, HERE, LIMITS, PREFERENCES, USER } from "./fixtures";

/** What a scene answers differently: a value to give, an error to throw, a promise that may never come. */
export type Answers = Partial<Record<keyof SessionClient, unknown>>;

export const SIGNED_IN: SessionState = {
  status: "signedIn",
  user: USER,
  session: HERE,
  limits: LIMITS,
  ending: null,
  idleEndsAt: NOW + 900_000,
  endsAt: NOW + 28 * 86_400_000,
  warning: null,
  online: true,
};

const USUAL: Answers = {
  current: CURRENT,
  sessions: { sessions: DEVICES, count: DEVICES.length, server_now: at(0) },
  history: { sessions: ENDED, count: ENDED.length, server_now: at(0) },
  preferences: PREFERENCES,
  setPreferences: PREFERENCES,
  revoke: { id: "phone", undo_until: at(10_000) },
  report: { id: "phone", count: 1 },
  revokeOthers: { count: 6 },
  revokeAll: { count: 6 },
  reauthenticate: CURRENT,
};

export function answering(answers: Answers, state: Partial<SessionState> = {}): SessionClient {
  const known: Answers = { ...USUAL, ...answers };
  const shown: SessionState = { ...SIGNED_IN, ...state };
  const administering = async (...asked: unknown[]): Promise<never> => {
    const given = known.admin;
    const answer = await (typeof given === "function" ? given(...asked) : given);
    if (answer instanceof Error) throw answer;
    return structuredClone(answer) as never;
  };
  const reply = (verb: keyof SessionClient) => async (): Promise<never> => {
    const answer = await known[verb];
    if (answer instanceof Error) throw answer;
    return structuredClone(answer) as never;
  };
  return {
    options: { baseUrl: "/api/auth" },
    start: () => () => {},
    stop: () => {},
    now: () => NOW,
    getState: () => shown,
    subscribe: () => () => {},
    on: () => () => {},
    fetch: reply("fetch"),
    request: reply("request"),
    signIn: reply("signIn"),
    signUp: reply("signUp"),
    signOut: reply("signOut"),
    reauthenticate: reply("reauthenticate"),
    refresh: reply("refresh"),
    extend: reply("extend"),
    current: reply("current"),
    sessions: reply("sessions"),
    history: reply("history"),
    revoke: reply("revoke"),
    undo: reply("undo"),
    report: reply("report"),
    rename: reply("rename"),
    revokeOthers: reply("revokeOthers"),
    revokeAll: reply("revokeAll"),
    preferences: reply("preferences"),
    setPreferences: reply("setPreferences"),
    admin: { sessions: reply("admin"), revoke: reply("admin"), request: administering },
    open: 0,
  };
}
