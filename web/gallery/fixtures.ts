/** A person and her devices, as the server would tell of them at the stopped moment. */
import type {
  Current,
  Device,
  EndedRow,
  Limits,
  Preferences,
  Reason,
  SessionRow,
  Time,
  User,
} from "../src/client";
import { NOW } from "./clock";

const SECOND = 1000;
export const MINUTE: number = 60 * SECOND;
export const HOUR: number = 60 * MINUTE;
export const DAY: number = 24 * HOUR;

/** A moment so many ms from now. */
export function at(distance: number): Time {
  return new Date(NOW + distance).toISOString();
}

function device(name: string, given: Partial<Device> = {}): Device {
  const unknown = { model: null, browser: null, browser_version: null, os: null, os_version: null };
  return { id: null, kind: "desktop", name, ...unknown, custom_name: null, ...given };
}

function session(id: string, given: Partial<SessionRow>): SessionRow {
  return {
    id,
    current: false,
    device: device("Firefox on Windows"),
    ip: "203.0.113.7",
    place: { city: "New York", country: "US" },
    created_at: at(-2 * DAY),
    seen_at: at(-2 * HOUR),
    expires_at: at(6 * DAY),
    ends_at: at(28 * DAY),
    authenticated_at: at(-2 * DAY),
    application_id: null,
    tenant_id: null,
    remember: false,
    impersonated: false,
    amr: ["pwd"],
    ...given,
  };
}

const MAC = device("Chrome on macOS", {
  id: "mac",
  browser: "Chrome",
  browser_version: "143.0.0.0",
  os: "macOS",
  os_version: "15.1",
});

const IPHONE = device("Safari on iPhone", {
  id: "phone",
  kind: "mobile",
  model: "iPhone",
  browser: "Mobile Safari",
  browser_version: "17.3",
  os: "iOS",
  os_version: "17.3",
});

export const HERE: SessionRow = session("here", {
  current: true,
  device: MAC,
  created_at: at(-1 * MINUTE),
  seen_at: at(-20 * SECOND),
  expires_at: at(5 * DAY + 23 * HOUR),
  amr: ["pwd", "otp"],
});

export const PHONE: SessionRow = session("phone", {
  device: IPHONE,
  ip: "198.51.100.4",
  place: { city: "Boston", country: "US" },
  created_at: at(-20 * HOUR),
  expires_at: at(1 * DAY),
  amr: ["hwk"],
});

const TABLET = session("tablet", {
  device: device("Chrome on Android", { id: "tablet", kind: "tablet", custom_name: "Kitchen tablet" }),
  remember: true,
  created_at: at(-40 * DAY),
  seen_at: at(-33 * DAY),
});

const WORK = device("Edge on Windows", { id: "work", browser: "Edge", os: "Windows" });

/** One of each kind: new, of two sessions, renamed, unknown, soon over, without end, somebody from support. */
export const DEVICES: SessionRow[] = [
  HERE,
  PHONE,
  session("work-1", { device: WORK, application_id: "crm" }),
  session("work-2", { device: WORK, application_id: "wiki", seen_at: at(-3 * DAY) }),
  TABLET,
  session("unknown", {
    device: device("Unknown device", { kind: "unknown" }),
    ip: null,
    place: null,
    amr: [],
  }),
  session("soon", { device: device("curl", { kind: "api" }), expires_at: at(4 * MINUTE), ip: "2001:db8::7" }),
  session("support", { impersonated: true, seen_at: at(-30 * MINUTE), place: { city: null, country: "DE" } }),
];

/** Names that try to be markup, or to turn the line around. */
export const HOSTILE: SessionRow[] = [
  HERE,
  session("markup", { device: device("<img src=x onerror=alert(1)>") }),
  session("override", {
    device: device("\u202Etxt.exe\u202C Chrome", { custom_name: "\u05D0\u05D1\u05D2 42" }),
  }),
  session("long", {
    device: device("W".repeat(120)),
    place: { city: "Llanfairpwllgwyngyll".repeat(4), country: "GB" },
  }),
];

export const MANY: SessionRow[] = [
  HERE,
  ...Array.from({ length: 99 }, (_, index) =>
    session(`many-${index}`, {
      device: device(`Firefox ${index} on Linux`, { id: `many-${index}` }),
      seen_at: at(-(index + 1) * HOUR),
    }),
  ),
];

const REASONS: (Reason | null)[] = [
  null,
  "signed_out",
  "user",
  "replaced",
  "cap",
  "replay",
  "password_changed",
  "account_disabled",
  "admin",
  "system",
  "reported",
];

export const ENDED: EndedRow[] = REASONS.map((reason, index) => ({
  ...session(`ended-${index}`, { device: index % 2 ? IPHONE : MAC, ends_at: at(-index * HOUR - HOUR) }),
  ended_at: at(-index * HOUR - HOUR),
  reason,
  by: reason === "admin" ? "admin" : reason === null ? null : "user",
}));

export const USER: User = {
  id: "ana",
  email: "ana@example.org",
  name: "Ana Ruiz",
  role: "user",
  created_at: at(-400 * DAY),
  disabled: false,
};

export const LIMITS: Limits = {
  lifetime: 30 * 86_400,
  lifetime_words: "30 days",
  idle_timeout: 900,
  idle_timeout_words: "15 minutes",
  activity_every: 300,
  fresh_for: 600,
  rotate_every: 600,
  undo_for: 10,
};

export const CURRENT: Current = { user: USER, session: HERE, limits: LIMITS, server_now: at(0) };

export const PREFERENCES: Preferences = {
  idle_timeout: null,
  idle_timeout_least: 300,
  idle_timeout_most: 30 * 86_400,
  choices: [900, 3600, 86_400, 7 * 86_400, 30 * 86_400],
};
