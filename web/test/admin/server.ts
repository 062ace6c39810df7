/** The API of administrators in small: it answers from what a test gives it, by path, at the stopped moment. */
import type {
  AdminRow,
  Alert,
  Alerts,
  Boot,
  Found,
  Heat,
  Histogram,
  Job,
  Jobs,
  Lines,
  Point,
  Series,
  Stats,
} from "../../src/admin/wire";
import { at, type FakeClient, fakeClient, HERE, row, USER } from "../fake.ts";

const HOUR = 3_600_000;

export const BOOT: Boot = {
  page: "overview",
  base: "",
  base_url: "/api/auth",
  login_url: "/sign-in",
  user_id: "bob",
  applications: { crm: "Customers" },
  tenants: {},
  act_for: 60,
};

export const STATS: Stats = {
  sessions: 1284,
  users: 902,
  accounts: 5000,
  devices_each: 1.4,
  created_today: 318,
  ended_today: 120,
  revoked_today: 41,
  created_before: 284,
  refresh: { succeeded: 3988, failed: 12, rate: 0.997, since: at(-HOUR) },
  alerts_open: 3,
  approximate: [],
  server_now: at(0),
};

export function adminRow(id: string, given: Partial<AdminRow> = {}): AdminRow {
  const user = { id: "bob", email: "bob@example.org", name: "Bob" };
  const rest = { state: "active", ended_at: null, reason: null, note: null } as const;
  return { ...row(id), user_id: "bob", user, ...rest, ...given };
}

export const MINE: AdminRow = {
  ...adminRow("mine"),
  ...HERE,
  user_id: USER.id,
  user: { id: USER.id, email: USER.email, name: USER.name },
};

export function foundOf(sessions: AdminRow[], given: Partial<Found> = {}): Found {
  const usual = { count: sessions.length, count_is: "exact", next: null, complete: true } as const;
  return { sessions, ...usual, server_now: at(0), ...given };
}

export const points = (...values: (Record<string, number | null> | null)[]): Point[] =>
  values.map((known, index) => ({ at: at((index - values.length) * HOUR), values: known ?? {} }));

export function seriesOf(metric: string, found: Point[], before: Point[] | null = null): Series {
  const labels = [...new Set(found.flatMap(({ values }) => Object.keys(values)))].sort();
  const rest = { step: "hour", from: at(-24 * HOUR), to: at(0), summary: null } as const;
  return { metric, labels, points: found, before, server_now: at(0), ...rest };
}

export const DURATIONS: Histogram = {
  metric: "duration",
  buckets: [
    { up_to: 60, count: 4 },
    { up_to: 900, count: 30 },
    { up_to: 3600, count: 12 },
    { up_to: null, count: 1 },
  ],
  approximate: false,
  of: 47,
  server_now: at(0),
};

export const DEVICES: Histogram = {
  metric: "devices",
  buckets: [
    { up_to: 1, count: 600 },
    { up_to: 2, count: 250 },
    { up_to: 5, count: 50 },
    { up_to: null, count: 2 },
  ],
  approximate: true,
  of: 902,
  server_now: at(0),
};

const CELLS = Array.from({ length: 7 }, (_, day) =>
  Array.from({ length: 24 }, (_, hour) =>
    hour > 5 ? 10 - Math.abs(hour - 14) - Math.floor(day / 5) * 5 : 0,
  ),
).map((hours) => hours.map((count) => Math.max(0, count)));

export const HEAT: Heat = { zone: "UTC", cells: CELLS, most: 10, server_now: at(0) };

export function alertOf(id: string, given: Partial<Alert> = {}): Alert {
  return {
    id,
    rule: "refresh-replay",
    severity: "high",
    title: `Alert ${id}`,
    factors: ["It was used twice."],
    user_id: "bob",
    session_id: null,
    count: 1,
    opened_at: at(-HOUR),
    last_at: at(-HOUR / 2),
    state: "open",
    acknowledged_by: null,
    resolved_by: null,
    ...given,
  };
}

export const alertsOf = (...alerts: Alert[]): Alerts => ({
  alerts,
  open: alerts.filter(({ state }) => state === "open").length,
  next: null,
  server_now: at(0),
});

export function jobOf(given: Partial<Job> = {}): Job {
  return {
    id: "job",
    state: "done",
    expected: 1,
    done: 1,
    skipped: 0,
    created_at: at(0),
    by: USER.id,
    reason: "suspicious",
    note: null,
    undo_until: null,
    where: { country: "XX" },
    sample: [],
    server_now: at(0),
    ...given,
  };
}

const LINES: Lines = { lines: [], next: null, server_now: at(0) };
const JOBS: Jobs = { jobs: [], server_now: at(0) };

export const BY_METRIC: Record<string, Series> = {
  created: seriesOf("created", points({ pwd: 3, fed: 1 }, null, { pwd: 5, fed: 0 })),
  ended: seriesOf("ended", points({ signed_out: 2, "expired-idle": 1 }, { signed_out: 1 }, { cap: 1 })),
  refresh: seriesOf("refresh", points({ rotated: 98, "refused:session_expired": 2 }, {}, { rotated: 50 })),
  active: seriesOf("active", points({ sessions: 10, users: 7 }, null, { sessions: 12, users: 8 })),
};

interface Options {
  method?: string;
  query?: Record<string, unknown>;
  body?: unknown;
  passive?: boolean;
  signal?: AbortSignal;
}

export type Ask = (options: Options) => unknown;

/** What stands for an answer: a value, an error that is thrown, or a function of what was asked. */
export type AdminAnswers = Record<string, unknown>;

const USUAL: AdminAnswers = {
  "GET /stats": STATS,
  "GET /series": ({ query }: Options) => BY_METRIC[String(query?.metric)],
  "GET /histogram": ({ query }: Options) => (query?.metric === "devices" ? DEVICES : DURATIONS),
  "GET /heatmap": HEAT,
  "GET /alerts": alertsOf(),
  "GET /sessions": foundOf([MINE, adminRow("13"), adminRow("14")]),
  "GET /users/bob": { ...USER, id: "bob", email: "bob@example.org", name: "Bob" },
  "GET /users/bob/sessions": foundOf([adminRow("13")]),
  "GET /users/bob/journal": LINES,
  "GET /users": { users: [USER], count: 1, next: null },
  "GET /revoke": JOBS,
  "POST /revoke": jobOf(),
  "GET /revoke/job": jobOf(),
};

/** *answers* change what is usual; what nobody knows is an error of the test. */
export function adminClient(answers: AdminAnswers = {}): FakeClient {
  const client = fakeClient();
  const known: AdminAnswers = { ...USUAL, ...answers };
  client.answer("admin.request", async (path: string, options: Options = {}) => {
    const answer = known[`${options.method ?? "GET"} ${path}`];
    if (answer === undefined) throw new Error(`nobody answers ${options.method ?? "GET"} ${path}`);
    const said = typeof answer === "function" ? await answer(options) : await answer;
    if (said instanceof Error) throw said;
    return said;
  });
  return client;
}

/** What was asked of *path*, in order. */
export function askedOf(client: FakeClient, path: string, method = "GET"): Options[] {
  return client
    .asked("admin.request")
    .filter(([, asked, options]) => asked === path && ((options as Options)?.method ?? "GET") === method)
    .map(([, , options]) => (options ?? {}) as Options);
}
