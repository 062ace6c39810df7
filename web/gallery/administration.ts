/** A day of a small service, as its API for administrators would tell of it at the stopped moment. */
import type {
  AdminRow,
  Alert,
  Alerts,
  Boot,
  Heat,
  Histogram,
  Job,
  Lines,
  Point,
  Stats,
} from "../src/admin/wire";
import { at, DAY, DEVICES, HOUR, MINUTE, USER } from "./fixtures";

export const BOOT: Boot = {
  page: "overview",
  base: "",
  base_url: "/api/auth",
  login_url: "/sign-in",
  user_id: "ana",
  applications: { crm: "Customers", wiki: "Wiki" },
  tenants: {},
  act_for: 60,
};

const STATS: Stats = {
  sessions: 1284,
  users: 902,
  accounts: 5210,
  devices_each: 1.4,
  created_today: 318,
  ended_today: 297,
  revoked_today: 41,
  created_before: 284,
  refresh: { succeeded: 3988, failed: 12, rate: 0.997, since: at(-HOUR) },
  alerts_open: 3,
  approximate: [],
  server_now: at(0),
};

const HOURS = Array.from({ length: 24 }, (_, index) => index);
const wave = (index: number, height: number): number =>
  Math.round(height * (1.2 + Math.sin((index - 6) / 3.8)) + ((Math.abs(index) * 7) % 5));

/** With two hours in which nobody counted. */
function points(of: (index: number) => Record<string, number | null>): Point[] {
  return HOURS.map((index) => ({
    at: at((index - 23) * HOUR - 46 * MINUTE),
    values: index === 9 || index === 10 ? {} : of(index),
  }));
}

const SERIES: Record<string, (index: number) => Record<string, number>> = {
  created: (index) => ({ pwd: wave(index, 9), fed: wave(index, 3), hwk: 2 }),
  ended: (index) => ({
    signed_out: wave(index - 2, 6),
    "expired-idle": wave(index - 3, 4),
    user: 2,
    admin: index === 15 ? 9 : 0,
    replay: index === 20 ? 1 : 0,
  }),
  refresh: (index) => ({
    rotated: wave(index, 60),
    twin: 1,
    "refused:session_expired": index === 15 ? 4 : 0,
    replayed: index === 20 ? 1 : 0,
  }),
  active: (index) => ({ sessions: 900 + wave(index, 190), users: 700 + wave(index, 120) }),
};

function series({ metric, compare }: Record<string, unknown>): object {
  const of = SERIES[String(metric)] as (index: number) => Record<string, number>;
  const labels = Object.keys(of(0));
  return {
    metric,
    labels,
    step: "hour",
    from: at(-DAY),
    to: at(0),
    points: points(of),
    before: compare ? points((index) => of(index - 2)) : null,
    summary: null,
    server_now: at(0),
  };
}

const buckets = (bounds: (number | null)[], counts: number[]): Histogram["buckets"] =>
  bounds.map((up_to, index) => ({ up_to, count: counts[index] ?? 0 }));

const DURATION: Histogram = {
  metric: "duration",
  buckets: buckets(
    [60, 300, 900, 3600, 14_400, 86_400, 604_800, 2_592_000, null],
    [120, 310, 940, 1480, 1210, 820, 310, 64, 3],
  ),
  approximate: false,
  of: 5257,
  server_now: at(0),
};

const DEVICES_EACH: Histogram = {
  metric: "devices",
  buckets: buckets([1, 2, 3, 4, 5, 10, null], [610, 214, 52, 17, 6, 2, 1]),
  approximate: true,
  of: 902,
  server_now: at(0),
};

const CELLS = Array.from({ length: 7 }, (_, day) =>
  HOURS.map((hour) => Math.max(0, Math.round((day > 4 ? 40 : 100) * Math.sin(((hour - 5) / 19) * Math.PI)))),
);

const HEAT: Heat = { zone: "UTC", cells: CELLS, most: Math.max(...CELLS.flat()), server_now: at(0) };

const alert = (id: string, given: Partial<Alert>): Alert => ({
  id,
  rule: id,
  severity: "high",
  title: id,
  factors: [],
  user_id: null,
  session_id: null,
  count: 1,
  opened_at: at(-HOUR),
  last_at: at(-20 * MINUTE),
  state: "open",
  acknowledged_by: null,
  resolved_by: null,
  ...given,
});

export const ALERTS: Alerts = {
  alerts: [
    alert("refresh-replay", {
      title: "A refresh token was used twice",
      user_id: "ana",
      last_at: at(-2 * MINUTE),
      factors: ["An old token of generation 3 came from another network.", "The session was ended."],
    }),
    alert("refresh-failures", {
      severity: "medium",
      title: "Refreshes fail: 6 % (usually 0.3 %)",
      factors: ["31 of 512 failed within a quarter of an hour."],
    }),
    alert("new-country", {
      severity: "low",
      title: "Sign-ins from a new country",
      count: 7,
      last_at: at(-3 * HOUR),
    }),
  ],
  open: 3,
  next: null,
  server_now: at(0),
};

const WHO = [
  { id: "ana", email: USER.email, name: USER.name },
  { id: "bo", email: "bo.lindqvist@example.org", name: "Bo Lindqvist" },
  { id: "chi", email: "chioma@example.org", name: "Chioma Eze" },
];

export const ROWS: AdminRow[] = DEVICES.map((row, index) => {
  const user = WHO[index % 3] as (typeof WHO)[number];
  const over = index === 6 ? { ended_at: at(-HOUR), reason: "admin" } : { ended_at: null, reason: null };
  return { ...row, user_id: user.id, user, note: null, state: index === 6 ? "ended" : "active", ...over };
});

const FOUND = {
  sessions: ROWS,
  count: 1284,
  count_is: "exact",
  next: "more",
  complete: true,
  server_now: at(0),
};

const LINES: Lines = {
  lines: [
    ["session-revoked", -20, { reason: "signed_out", device: "Safari on iPhone" }],
    ["new-device", -90, { device: "Safari on iPhone", country: "US" }],
    ["session-established", -91, { device: "Safari on iPhone" }],
    ["session-refreshed", -300, { verdict: "rotated" }],
  ].map(([name, minutes, facts], place) => ({
    place,
    at: at(Number(minutes) * MINUTE),
    name: String(name),
    session_id: null,
    user_id: "ana",
    facts: facts as Record<string, unknown>,
    personal: { user_id: "ana", ip: "•••" },
  })),
  next: null,
  server_now: at(0),
};

export const JOB: Job = {
  id: "job",
  state: "done",
  expected: 1284,
  done: 1284,
  skipped: 0,
  created_at: at(-MINUTE),
  by: USER.id,
  reason: "suspicious",
  note: "credentials of a partner leaked",
  undo_until: at(9 * MINUTE),
  where: { country: "DE" },
  sample: [],
};

/** A service that nobody has used yet. */
export const NOTHING: Record<string, unknown> = {
  "/stats": {
    ...STATS,
    sessions: 1,
    users: 1,
    accounts: 1,
    created_today: 1,
    ended_today: 0,
    revoked_today: 0,
    created_before: 0,
    refresh: { succeeded: 0, failed: 0, rate: null, since: at(-HOUR) },
    alerts_open: 0,
  },
  "/series": { ...series({ metric: "active" }), labels: [], points: points(() => ({})) },
  "/histogram": { ...DURATION, buckets: [], of: 0 },
  "/heatmap": { ...HEAT, cells: CELLS.map((hours) => hours.map(() => 0)), most: 0 },
  "/alerts": { ...ALERTS, alerts: [], open: 0 },
  "/sessions": { ...FOUND, sessions: [], count: 0, next: null },
};

const USUAL: Record<string, unknown> = {
  "/stats": STATS,
  "/heatmap": HEAT,
  "/alerts": ALERTS,
  "/sessions": FOUND,
  "/users": { users: [USER, { ...USER, id: "root", email: "root@example.org", role: "admin" }], count: 5210 },
  "/users/ana": USER,
  "/users/ana/sessions": { ...FOUND, sessions: ROWS.slice(0, 3), count: 3, next: null },
  "/users/ana/journal": LINES,
  "/revoke": { jobs: [{ ...JOB, state: "done" }], server_now: at(0) },
  "/revoke/job": JOB,
};

interface Asked {
  query?: Record<string, unknown>;
}

/** Answers a request for *path*; *change*: what is otherwise. */
export const adminAnswer =
  (change: Record<string, unknown>) =>
  (path: string, { query = {} }: Asked = {}): unknown => {
    if (path in change) return change[path];
    if (path === "/series") return series(query);
    if (path === "/histogram") return query.metric === "devices" ? DEVICES_EACH : DURATION;
    return USUAL[path];
  };
