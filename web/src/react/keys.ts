/**
 * Query keys. The list of sessions begins with "sessions" alone, so that
 * `queryClient.invalidateQueries({ queryKey: ["sessions"] })` refreshes it, as a list of your own with that key.
 */

import type { ListFilter } from "../client/types";

type Key = readonly unknown[];

export const keys = {
  sessions: (filter: ListFilter = {}): Key => ["sessions", "sojourn", filter],
  session: (): Key => ["sojourn", "session"],
  history: (): Key => ["sojourn", "history"],
  preferences: (): Key => ["sojourn", "preferences"],
  admin: (query: object = {}): Key => ["sojourn", "admin", "sessions", query],
} as const;
