/** The states of the pages for administrators, each with a name that tests and people can ask for. */
import type { ReactElement } from "react";
import { AdminApp } from "../src/admin/App";
import { AlertsPage } from "../src/admin/pages/AlertsPage";
import { Overview } from "../src/admin/pages/Overview";
import { RevokePage } from "../src/admin/pages/RevokePage";
import { SessionsPage } from "../src/admin/pages/SessionsPage";
import { UserPage } from "../src/admin/pages/UserPage";
import { UsersPage } from "../src/admin/pages/UsersPage";
import type { PageName } from "../src/admin/wire";
import { SessionError } from "../src/client";
import { ALERTS, adminAnswer, BOOT, JOB, NOTHING, ROWS } from "./administration";
import type { Scene } from "./scenes";

function page(name: PageName, content: ReactElement, change: Record<string, unknown> = {}): Scene {
  return {
    content: <AdminApp boot={{ ...BOOT, page: name }}>{content}</AdminApp>,
    answers: { admin: adminAnswer(change) },
    address: "zone=utc",
  };
}

const never = new Promise<never>(() => {});
const failed = new SessionError("server", { status: 503, facts: { request_id: "req-42" } });
const everything = (answer: unknown): Record<string, unknown> =>
  Object.fromEntries(
    ["/stats", "/series", "/histogram", "/heatmap", "/alerts", "/sessions"].map((path) => [path, answer]),
  );

const overview = <Overview />;
const job = (change: object): Scene => ({
  ...page("revoke", <RevokePage />, { "/revoke/job": { ...JOB, ...change } }),
  address: "job=job",
});

const PAGES: Record<string, Scene> = {
  "admin-overview": page("overview", overview),
  "admin-overview-compared": { ...page("overview", overview), address: "compare=previous&zone=utc" },
  "admin-overview-tables": {
    ...page("overview", overview),
    acts: Array.from({ length: 9 }, () => "Table"),
  },
  "admin-overview-new": page("overview", overview, NOTHING),
  "admin-overview-loading": { ...page("overview", overview, everything(never)), pending: true },
  "admin-overview-failed": page("overview", overview, everything(failed)),
  "admin-forbidden": page("overview", overview, everything(new SessionError("forbidden", { status: 403 }))),
  "admin-sessions": page("sessions", <SessionsPage />),
  "admin-sessions-none": {
    ...page("sessions", <SessionsPage />, NOTHING),
    address: "q=foo",
  },
  "admin-users": page("users", <UsersPage />),
  "admin-user": page("user", <UserPage />),
  "admin-alerts": page("alerts", <AlertsPage />),
  "admin-alerts-none": page("alerts", <AlertsPage />, { "/alerts": { ...ALERTS, alerts: [], open: 0 } }),
  "admin-revoke": { ...page("revoke", <RevokePage />), address: "country=DE" },
  "admin-revoke-counted": job({ state: "counted", done: 0, undo_until: null, sample: ROWS.slice(1, 4) }),
  "admin-revoke-running": job({ state: "running", done: 412 }),
  "admin-revoke-holding": job({ state: "holding" }),
  "admin-revoke-undone": job({ state: "undone", undo_until: null }),
  "admin-revoke-everyone": page("everyone", <RevokePage everyone />),
};

const DIALOGS: Record<string, Scene> = {
  "dialog-admin-revoke": { ...page("sessions", <SessionsPage />), acts: ["Revoke"] },
  "dialog-admin-revoke-user": { ...page("user", <UserPage />), acts: ["Revoke all sessions…"] },
  "dialog-admin-act-as": { ...page("user", <UserPage />), acts: ["Act as this user…"] },
  "dialog-admin-sign-in": { ...page("user", <UserPage />), acts: ["Require new sign-in…"] },
};

export const ADMIN_SCENES: [string, Scene][] = [
  ...Object.entries(PAGES),
  ...Object.entries(DIALOGS).map(([id, scene]): [string, Scene] => [id, { ...scene, modal: true }]),
];
