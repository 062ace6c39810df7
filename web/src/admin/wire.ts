/** Wire types of the API of administrators. */

import type { SessionRow, Time, User } from "../client";

export interface Stats {
  sessions: number;
  users: number;
  accounts: number;
  devices_each: number | null;
  created_today: number | null;
  ended_today: number | null;
  revoked_today: number | null;
  /** Sessions created until the same time yesterday. */
  created_before: number | null;
  refresh: { succeeded: number; failed: number; rate: number | null; since: Time } | null;
  alerts_open: number | null;
  /** The names of what is not counted exactly. */
  approximate: string[];
  server_now: Time;
}

export interface Point {
  at: Time;
  /** By label; null: no data. */
  values: Record<string, number | null>;
}

export type Step = "minute" | "hour" | "day";

export interface Series {
  metric: string;
  step: Step;
  from: Time;
  to: Time;
  labels: string[];
  points: Point[];
  before: Point[] | null;
  summary: string | null;
  server_now: Time;
}

export interface Histogram {
  metric: string;
  /** Each up to and with its bound; the last one has none. */
  buckets: { up_to: number | null; count: number }[];
  approximate: boolean;
  of: number;
  server_now: Time;
}

export interface Heat {
  zone: string;
  /** Monday first, from midnight. */
  cells: number[][];
  most: number;
  server_now: Time;
}

export interface Who {
  id: string;
  email: string;
  name: string;
}

export interface AdminRow extends SessionRow {
  user_id: string | null;
  user: Who | null;
  note: string | null;
  /** "held": it has ended for everybody, and may come back. */
  state: "active" | "held" | "ended";
  ended_at: Time | null;
  reason: string | null;
}

export interface Found {
  sessions: AdminRow[];
  count: number | null;
  count_is: "exact" | "at_least" | "about";
  /** `after` of the next page; null: this is the last. */
  next: string | null;
  /** false: it was not looked at everything. */
  complete: boolean;
  server_now: Time;
}

export interface Users {
  users: User[];
  count: number;
  next: string | null;
}

export type Severity = "high" | "medium" | "low";

export interface Alert {
  id: string;
  rule: string;
  severity: Severity;
  title: string;
  factors: string[];
  user_id: string | null;
  session_id: string | null;
  count: number;
  opened_at: Time;
  last_at: Time;
  state: "open" | "acknowledged" | "resolved";
  acknowledged_by: string | null;
  resolved_by: string | null;
}

export interface Alerts {
  alerts: Alert[];
  open: number;
  next: string | null;
  server_now: Time;
}

export interface Line {
  place: number;
  at: Time;
  name: string;
  session_id: string | null;
  user_id: string | null;
  facts: Record<string, unknown>;
  /** null: erased, or kept no longer. */
  personal: Record<string, unknown> | null;
}

export interface Lines {
  lines: Line[];
  next: number | string | null;
  server_now: Time;
}

export type Why = "lost_device" | "suspicious" | "offboarding" | "other";

/** What a search is narrowed by, and a bulk revocation too. */
export type Where = Record<string, string>;

export type JobState =
  | "counted"
  | "running"
  | "holding"
  | "done"
  | "undoing"
  | "undone"
  | "cancelled"
  | "failed";

export interface Job {
  id: string;
  state: JobState;
  expected: number;
  done: number;
  skipped: number;
  created_at: Time;
  by: string;
  reason: Why;
  note: string | null;
  undo_until: Time | null;
  /** null: the sessions were chosen one by one. */
  where: Where | null;
  sample: AdminRow[];
  server_now?: Time;
}

export interface Jobs {
  jobs: Job[];
  server_now: Time;
}

/** What the server wrote into the page. */
export interface Boot {
  page: PageName;
  /** Before all addresses of ours: behind a path prefix it is not empty. */
  base: string;
  base_url: string;
  login_url: string;
  /** Whose page it is, if it is one user's. */
  user_id: string | null;
  /** As the page was written. */
  stats?: Stats | null;
  /** By id. */
  applications: Record<string, string>;
  tenants: Record<string, string>;
  /** How long an administrator may act as somebody else at most, in minutes. */
  act_for: number;
}

export type PageName = "overview" | "sessions" | "users" | "user" | "alerts" | "revoke" | "everyone";
