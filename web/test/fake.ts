/** A client without a network: it answers from what a test gives it, and remembers what it was asked. */

import { SessionError } from "../src/client/errors.ts";
import type {
  Current,
  EndedRow,
  History,
  Limits,
  Preferences,
  SessionClient,
  SessionEvents,
  SessionList,
  SessionRow,
  SessionState,
  User,
} from "../src/client/types.ts";

export const NOW = Date.parse("2025-11-08T17:45:00.000Z");
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const at = (offset: number): string => new Date(NOW + offset).toISOString();

export const USER: User = {
  id: "ada",
  email: "ada@example.org",
  name: "Ada",
  role: "user",
  created_at: at(-400 * DAY),
  disabled: false,
};

export const LIMITS: Limits = {
  lifetime: 30 * 86_400,
  lifetime_words: "30 days",
  idle_timeout: 7 * 86_400,
  idle_timeout_words: "7 days",
  activity_every: 300,
  fresh_for: 600,
  rotate_every: null,
  undo_for: 10,
};

export function row(id: string, given: Partial<SessionRow> = {}): SessionRow {
  return {
    id,
    current: false,
    device: {
      id: `device-${id}`,
      kind: "mobile",
      name: "Safari on iOS",
      model: `iPhone ${id}`,
      browser: "Safari",
      browser_version: "17.3",
      os: "iOS",
      os_version: "17",
      custom_name: null,
    },
    ip: "198.51.100.4",
    place: { city: "Boston", country: "US" },
    created_at: at(-2 * DAY),
    seen_at: at(-2 * HOUR),
    expires_at: at(DAY + 3 * HOUR),
    ends_at: at(20 * DAY),
    authenticated_at: at(-2 * DAY),
    application_id: null,
    tenant_id: null,
    remember: false,
    impersonated: false,
    amr: ["pwd"],
    ...given,
  };
}

export const HERE = row("here", {
  current: true,
  seen_at: at(0),
  expires_at: at(5 * DAY + 23 * HOUR),
  device: {
    id: "device-here",
    kind: "desktop",
    name: "Chrome 143 on macOS",
    model: null,
    browser: "Chrome",
    browser_version: "143",
    os: "macOS",
    os_version: "15",
    custom_name: null,
  },
  ip: "203.0.113.7",
  place: { city: "New York", country: "US" },
});

export const ended = (id: string, given: Partial<EndedRow> = {}): EndedRow => ({
  ...row(id),
  ended_at: at(-HOUR),
  reason: null,
  by: null,
  ...given,
});

export const listOf = (sessions: SessionRow[]): SessionList => ({
  sessions,
  count: sessions.length,
  version: null,
  server_now: at(0),
});

type Details = NonNullable<ConstructorParameters<typeof SessionError>[1]>;

export function failure(code: string, status = 0, more: Details = {}): SessionError {
  return new SessionError(code, { status, ...more });
}

type Call = [name: string, ...given: unknown[]];

export interface FakeClient extends SessionClient {
  /** What was asked, in order. */
  calls: Call[];
  asked(name: string): Call[];
  /** The next and later answers of *name*: a value, an error that is thrown, or a function. */
  answer(name: string, value: unknown): void;
  put(state: Partial<SessionState>): void;
  emit<E extends keyof SessionEvents>(event: E, detail: SessionEvents[E]): void;
}

const START: SessionState = {
  status: "signedIn",
  user: USER,
  session: HERE,
  limits: LIMITS,
  ending: null,
  idleEndsAt: NOW + 7 * DAY,
  endsAt: NOW + 30 * DAY,
  warning: null,
  online: true,
};

const PREFERENCES: Preferences = {
  idle_timeout: null,
  idle_timeout_least: 300,
  idle_timeout_most: 7 * 86_400,
  choices: [900, 3600, 86_400, 7 * 86_400],
};

export function fakeClient(sessions: SessionRow[] = [HERE, row("13")]): FakeClient {
  let state = START;
  let started = 0;
  const live = new Map(sessions.map((one) => [one.id, one]));
  const held = new Map<string, SessionRow>();
  const calls: Call[] = [];
  const answers = new Map<string, unknown>();
  const listeners = new Set<(state: SessionState) => void>();
  const events = new Map<string, Set<(detail: never) => void>>();

  const current = (): Current => ({ user: USER, session: HERE, limits: LIMITS, server_now: at(0) });
  const end = (id: string): SessionRow => {
    const found = live.get(id);
    if (!found) throw failure("not_found", 404);
    live.delete(id);
    return found;
  };
  const others = (): number => {
    const gone = [...live.values()].filter((one) => !one.current);
    for (const one of gone) live.delete(one.id);
    return gone.length;
  };
  const defaults: Record<string, (...given: never[]) => unknown> = {
    current,
    sessions: () => listOf([...live.values()]),
    history: (): History => ({ sessions: [], count: 0, server_now: at(0) }),
    preferences: () => PREFERENCES,
    setPreferences: ({ idle_timeout }: { idle_timeout: number | null }) => ({ ...PREFERENCES, idle_timeout }),
    revoke: (id: string, { undo = false }: { undo?: boolean } = {}) => {
      held.set(id, end(id));
      return { id, undo_until: undo ? new Date(client.now() + LIMITS.undo_for * 1000).toISOString() : null };
    },
    undo: (id: string) => {
      const found = held.get(id);
      if (!found) throw failure("undo_expired", 409);
      live.set(id, found);
      return found;
    },
    report: (id: string, { others: all = false }: { others?: boolean } = {}) => {
      end(id);
      return { id, count: 1 + (all ? others() : 0) };
    },
    rename: (id: string, name: string | null) => {
      const found = live.get(id) as SessionRow;
      const named = { ...found, device: { ...found.device, custom_name: name } };
      live.set(id, named);
      return named;
    },
    revokeOthers: () => ({ count: others() }),
    revokeAll: () => ({ count: others() }),
    reauthenticate: current,
    extend: () => undefined,
    refresh: () => undefined,
    signIn: () => ({ user: USER, session: HERE }),
    signUp: () => ({ user: USER, session: HERE }),
    signOut: () => undefined,
    request: () => ({}),
    fetch: () => new Response("{}"),
    "admin.sessions": () => ({ sessions: [] }),
    "admin.revoke": () => ({}),
    "admin.request": () => ({}),
  };

  const say =
    (name: string) =>
    async (...given: unknown[]): Promise<never> => {
      calls.push([name, ...given]);
      const answer = answers.has(name) ? answers.get(name) : defaults[name];
      if (answer instanceof Error) throw answer;
      return (typeof answer === "function" ? await answer(...given) : await answer) as never;
    };

  const listen = <T>(set: Set<T>, listener: T) => {
    set.add(listener);
    return () => void set.delete(listener);
  };

  const client: FakeClient = {
    options: {},
    calls,
    asked: (name) => calls.filter(([called]) => called === name),
    answer: (name, value) => void answers.set(name, value),
    put: (given) => {
      state = { ...state, ...given };
      for (const tell of [...listeners]) tell(state);
    },
    emit: (event, detail) => {
      for (const tell of [...(events.get(event) ?? [])]) tell(detail as never);
    },
    start: () => {
      started += 1;
      return client.stop;
    },
    stop: () => {
      started -= 1;
    },
    now: () => Date.now(),
    getState: () => state,
    subscribe: (listener) => listen(listeners, listener),
    on: (event, listener) => {
      const set = events.get(event) ?? new Set();
      events.set(event, set);
      return listen(set, listener as (detail: never) => void);
    },
    fetch: say("fetch"),
    request: say("request"),
    signIn: say("signIn"),
    signUp: say("signUp"),
    signOut: say("signOut"),
    reauthenticate: say("reauthenticate"),
    refresh: say("refresh"),
    extend: say("extend"),
    current: say("current"),
    sessions: say("sessions"),
    history: say("history"),
    revoke: say("revoke"),
    undo: say("undo"),
    report: say("report"),
    rename: say("rename"),
    revokeOthers: say("revokeOthers"),
    revokeAll: say("revokeAll"),
    preferences: say("preferences"),
    setPreferences: say("setPreferences"),
    admin: {
      sessions: say("admin.sessions"),
      revoke: say("admin.revoke"),
      request: say("admin.request"),
    },
    get open() {
      const heard = [...events.values()].reduce((sum, set) => sum + set.size, 0);
      return started + listeners.size + heard;
    },
  };
  return client;
}
