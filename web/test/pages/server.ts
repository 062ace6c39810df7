/** A server of one person with two devices, small enough to answer from this file. */
import type { Current, Device, SessionRow } from "../../src/client";
import type { Boot } from "../../src/pages/boot";

export const NOW: number = Date.now();
const time = (distance: number): string => new Date(NOW + distance).toISOString();

function device(name: string): Device {
  const unknown = { model: null, browser: null, browser_version: null, os: null, os_version: null };
  return { id: name, kind: "desktop", name, ...unknown, custom_name: null };
}

function session(id: string, name: string, current: boolean): SessionRow {
  return {
    id,
    current,
    device: device(name),
    ip: "203.0.113.7",
    place: null,
    created_at: time(-3_600_000),
    seen_at: time(-60_000),
    expires_at: time(900_000),
    ends_at: time(86_400_000),
    authenticated_at: time(-3_600_000),
    application_id: current ? null : "crm",
    tenant_id: null,
    remember: false,
    impersonated: false,
    amr: ["pwd"],
  };
}

const HERE = session("here", "Chrome on macOS", true);
const ROWS = [HERE, session("there", "Firefox on Windows", false)];

const CURRENT: Current = {
  user: {
    id: "ana",
    email: "ana@example.org",
    name: "Ana",
    role: "user",
    created_at: time(-1e9),
    disabled: false,
  },
  session: HERE,
  limits: {
    lifetime: 86_400,
    lifetime_words: "1 day",
    idle_timeout: 900,
    idle_timeout_words: "15 minutes",
    activity_every: 300,
    fresh_for: 600,
    rotate_every: 600,
    undo_for: 10,
  },
  server_now: time(0),
};

export const BOOT: Boot = {
  base_url: "/api/auth",
  locale: "en",
  login_url: "/sign-in",
  password_url: "/account/password",
  names: { crm: "Customers" },
  sessions: { sessions: ROWS, count: ROWS.length, version: "v1", server_now: time(0) },
  history: { sessions: [], count: 0, server_now: time(0) },
  current: CURRENT,
  preferences: { idle_timeout: null, idle_timeout_least: 300, idle_timeout_most: 900, choices: [300, 900] },
};

const ANSWERS: Record<string, unknown> = {
  "/sessions": BOOT.sessions,
  "/sessions/current": BOOT.current,
  "/sessions/history": BOOT.history,
  "/preferences": BOOT.preferences,
};

export const asked: string[] = [];

/** In the place of `fetch`: the API below any address, and catalogues. */
export async function answer(given: RequestInfo | URL): Promise<Response> {
  const { pathname } = new URL(given instanceof Request ? given.url : String(given), location.href);
  asked.push(pathname);
  const known = Object.keys(ANSWERS).find((path) => pathname.endsWith(path));
  if (known) return Response.json(ANSWERS[known]);
  if (pathname.endsWith("/locales/de.json"))
    return Response.json({ lang: "de", dir: "ltr", "sessions.title": "Aktive Sitzungen" });
  if (pathname.endsWith("/locales/de.cards.json")) return Response.json({ "tips.title": "Tipps" });
  const problem = { code: "not_found", message: "Nothing there.", request_id: "test" };
  return Response.json(problem, { status: 404, headers: { "Content-Type": "application/problem+json" } });
}
