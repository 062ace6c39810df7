/** The verbs of the API, each one request. */

import { type Core, soon, post as tell } from "./core.ts";
import { SessionError } from "./errors.ts";
import { type How, json } from "./request.ts";
import { check, entered, left, recheck } from "./session.ts";
import type { Entered, Preferences, RequestOptions, SessionClient, SessionList } from "./types.ts";

type Verbs = Omit<
  SessionClient,
  "options" | "start" | "stop" | "now" | "getState" | "subscribe" | "on" | "fetch" | "refresh" | "open"
>;

export function createApi(core: Core): Verbs {
  const { baseUrl } = core.options;
  const adminUrl = baseUrl.replace(/(\/auth)?$/, "/admin");

  const request = <T>(path: string, given?: RequestOptions & How): Promise<T> =>
    json(core, baseUrl + path, given);
  const post = <T>(path: string, body?: unknown, how?: How & RequestOptions): Promise<T> =>
    request(path, { method: "POST", body, ...how });
  const one = (id: string) => `/sessions/${encodeURIComponent(id)}`;

  const enter = (path: string) => async (given: object) => {
    core.quit?.abort(); // the cookie of a refresh must not come after the new one
    const told = await post<Entered>(path, core.bearer ? { ...given, mode: "bearer" } : given, {
      bare: true,
    });
    const { memory } = core;
    memory.bump();
    if (memory.visible && !(await soon(() => !!memory.read()))) throw new SessionError("cookies-blocked");
    entered(core, told);
    core.live?.told(Date.now(), false);
    tell(core, { is: "signedIn" });
    return told;
  };

  /** *act*, after which the session at hand is no more. */
  async function leave<T>(act: () => Promise<T>): Promise<T> {
    core.leaving = true;
    try {
      const told = await act();
      left(core, true);
      return told;
    } finally {
      core.leaving = false;
    }
  }

  /** *act*, after which the session *id* is no more: perhaps it is this one. */
  const ending = <T>(id: string, act: () => Promise<T>): Promise<T> =>
    id === core.state.session?.id ? leave(act) : act();

  return {
    request,
    signIn: enter("/sign-in"),
    signUp: enter("/sign-up"),
    async signOut() {
      core.epoch++;
      core.quit?.abort();
      await core.ready?.();
      const refresh_token = core.memory.read()?.refresh;
      const body = refresh_token && { refresh_token };
      await leave(() => post("/sign-out", body, { bare: true, keepalive: true }));
    },
    reauthenticate: (given) => post("/reauthenticate", given),
    async extend() {
      await post("/activity", { idle_ms: 0 }, { passive: true });
      core.live?.told(Date.now(), true);
    },
    current: (how) => (how?.passive && !how.signal ? check(core) : request("/sessions/current", how)),
    async sessions(filter, how) {
      const { lastId } = core;
      const list = await request<SessionList>("/sessions", { query: { ...filter }, ...how });
      if (list.version) core.listed = list;
      if (!lastId) core.compare?.();
      return list;
    },
    history: (how) => request("/sessions/history", how),
    revoke: (id, { undo } = {}) => ending(id, () => request(one(id), { method: "DELETE", query: { undo } })),
    undo: (id) => post(`${one(id)}/undo`),
    report: (id, { others = false } = {}) => ending(id, () => post(`${one(id)}/report`, { others })),
    rename: (id, name) => request(one(id), { method: "PATCH", body: { name } }),
    revokeOthers: () => post("/sessions/revoke-others"),
    revokeAll({ includeCurrent = false } = {}) {
      const act = () => post<{ count: number }>("/sessions/revoke-all", { include_current: includeCurrent });
      return includeCurrent ? leave(act) : act();
    },
    preferences: () => request("/preferences"),
    async setPreferences(given) {
      const kept = await request<Preferences>("/preferences", { method: "PATCH", body: given });
      recheck(core); // other limits, another end
      return kept;
    },
    admin: {
      sessions: (query) => json(core, `${adminUrl}/sessions`, { query }),
      revoke: (id, body = {}) => json(core, adminUrl + one(id), { method: "DELETE", body }),
      request: (path, given) => json(core, adminUrl + path, given),
    },
  };
}
