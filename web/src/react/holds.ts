/** Signing out with second thoughts: what was asked for stays in its place until it is final. */

import type { QueryClient } from "@tanstack/react-query";
import type { SessionList, SessionRow } from "../client/types";
import type { Hold, Shared } from "./context";
import { title } from "./devices";
import { codeOf } from "./errors";
import type { Reauth } from "./reauth";
import { refresh } from "./sessions";

export interface Holding {
  /** Sign out *row*; it can be taken back while `Hold.until` lasts. */
  hold: (row: SessionRow) => Promise<void>;
  undo: (row: SessionRow) => Promise<void>;
  /** Show it no longer. */
  forget: (id: string) => void;
}

export function holding(shared: Shared, queryClient: QueryClient, reauth: Reauth): Omit<Holding, "forget"> {
  const { client, t } = shared;
  const { find, forget, put, say } = book(shared);

  const hold = async (row: SessionRow): Promise<void> => {
    const before = find(row.id);
    if (before && before.state !== "failed") return; // pressed twice
    put({ row, state: "ending", until: null });
    try {
      const { undo_until } = await reauth(() => client.revoke(row.id, { undo: true }));
      put({ row, state: "held", until: undo_until ? Date.parse(undo_until) : null });
      say(t("row.signedOutOf", { device: title(row.device) }));
    } catch (error) {
      if (codeOf(error) === "aborted") return forget(row.id);
      if (codeOf(error) !== "not_found") return put({ row, state: "failed", until: null, error });
      forget(row.id);
      say(t("sessions.gone"), false);
    }
    drop(queryClient, row.id);
    await refresh(queryClient);
  };

  const undo = async (row: SessionRow): Promise<void> => {
    const until = find(row.id)?.until ?? null;
    put({ row, state: "undoing", until });
    try {
      await client.undo(row.id);
      await refresh(queryClient); // before it is forgotten, or its row would be gone for a moment
      forget(row.id);
      say(t("row.undone", { device: title(row.device) }));
    } catch (error) {
      const late = ["undo_expired", "not_found"].includes(codeOf(error));
      put({ row, state: "held", until: late ? null : until, error });
    }
  };

  return { hold, undo };
}

/** What is held, and what is said about it. */
function book({ holds, notify }: Shared) {
  const without = (id: string) => holds.get().filter((hold) => hold.row.id !== id);
  return {
    forget: (id: string) => holds.set(without(id)),
    put: (hold: Hold) => holds.set([...without(hold.row.id), hold]),
    find: (id: string) => holds.get().find((hold) => hold.row.id === id),
    say: (text: string, quiet = true) => notify({ kind: "success", text, quiet }),
  };
}

/** Takes a session out, without asking. */
function drop(queryClient: QueryClient, id: string): void {
  queryClient.setQueriesData<SessionList>({ queryKey: ["sessions", "sojourn"] }, (list) => {
    if (!list) return list;
    const sessions = list.sessions.filter((row) => row.id !== id);
    return { ...list, sessions, count: sessions.length };
  });
}
