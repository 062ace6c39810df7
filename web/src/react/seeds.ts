/** Functions for code that has hooks of its own: they need no provider, only the default client. */

import { createSessionClient } from "../client/index";
import type { Ending, SessionClient, SessionRow } from "../client/types";

let client: SessionClient | null = null;

/** Whom the functions here ask; null: one for "/api/auth", made when it is needed first. */
export function setDefaultClient(given: SessionClient | null): void {
  client = given;
}

export function getDefaultClient(): SessionClient {
  client ??= createSessionClient();
  return client;
}

/** As a `queryFn`: what a timer asks for is passive. */
export const getSessions = async (): Promise<SessionRow[]> =>
  (await getDefaultClient().sessions({}, { passive: true })).sessions;

export const logoutSession = async (id: string): Promise<void> => void (await getDefaultClient().revoke(id));

/** All but the one at hand; how many. */
export const logoutAllSessions = (): Promise<{ count: number }> => getDefaultClient().revokeOthers();

export const sessionEvents = {
  /** Called when the session has expired or was revoked; returns the way out. */
  subscribe: (listener: (ending: Ending) => void): (() => void) => getDefaultClient().on("expired", listener),
};
