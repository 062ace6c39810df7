/** The list of one's sessions, and what can be done with it. */

import { type QueryClient, type UseQueryResult, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import type { ListFilter, SessionClient, SessionList, SessionRow } from "../client/types";
import { type Shared, useShared } from "./context";
import { title } from "./devices";
import { codeOf, retry, sentence } from "./errors";
import type { Holding } from "./holds";
import { keys } from "./keys";
import { type Reauth, useReauth } from "./reauth";
import { useAskable } from "./session";

export interface UseSessionsOptions {
  filter?: ListFilter;
  /** ms; false: never by itself. Default 60 000, and only while the page is visible. */
  refetchInterval?: number | false;
  enabled?: boolean;
}

interface Acts extends Holding {
  /** Sign out one session, for good; says so, and never rejects. */
  logout: (id: string) => Promise<void>;
  /** Sign out all others; asks who you are if it must, says so, and never rejects. */
  logoutAll: () => Promise<void>;
  revokeOthers: () => Promise<{ count: number }>;
  /** "Not me": ends it and all sessions of that device, for good. */
  report: (id: string, options?: { others?: boolean }) => Promise<{ id: string; count: number }>;
  rename: (id: string, name: string | null) => Promise<SessionRow>;
}

export type UseSessionsResult = UseQueryResult<SessionList> &
  Acts & { sessions: SessionRow[] | undefined; count: number | undefined };

/** Clients for whose list a person asks just now: that is a sign of life, and the interval is none. */
const asked = new WeakSet<SessionClient>();

export function useSessions(options: UseSessionsOptions = {}): UseSessionsResult {
  const { filter, refetchInterval = 60_000, enabled = true } = options;
  const shared = useShared();
  const { client } = shared;
  const queryClient = useQueryClient();
  const reauth = useReauth();
  const query = useQuery<SessionList>({
    queryKey: keys.sessions(filter),
    queryFn: ({ signal }) => client.sessions(filter, { passive: !asked.delete(client), signal }),
    enabled: useAskable() && enabled,
    refetchInterval,
    refetchIntervalInBackground: false,
    refetchOnWindowFocus: true,
    staleTime: 5_000,
    retry,
    notifyOnChangeProps: "all", // the result is handed on whole
  });
  const acts = useMemo(() => actsOf(shared, queryClient, reauth), [shared, queryClient, reauth]);
  const refetch: typeof query.refetch = (how) => {
    asked.add(client);
    return query.refetch(how).finally(() => asked.delete(client));
  };
  return { ...query, ...acts, refetch, sessions: query.data?.sessions, count: query.data?.count };
}

/** Both lists, of what is live and of what has ended. */
export function refresh(queryClient: QueryClient): Promise<unknown> {
  return Promise.all([
    queryClient.invalidateQueries({ queryKey: ["sessions"] }),
    queryClient.invalidateQueries({ queryKey: keys.history() }),
  ]);
}

function actsOf(shared: Shared, queryClient: QueryClient, reauth: Reauth): Acts {
  const { client, t, notify } = shared;
  const changed = async <T>(act: Promise<T>): Promise<T> => {
    const done = await act;
    await refresh(queryClient);
    return done;
  };
  const failed = (error: unknown): void => {
    if (codeOf(error) !== "aborted") notify({ kind: "error", text: sentence(t, error) });
  };
  const told = async (act: () => Promise<string>): Promise<void> => {
    try {
      notify({ kind: "success", text: await act() });
    } catch (error) {
      failed(error);
    }
  };
  /** With what is fetched later; what cannot be fetched could not be done either. */
  const held = (act: "hold" | "undo") => async (row: SessionRow) => {
    const cards = await shared.fetchPart("cards").catch(failed);
    await cards?.holding(shared, queryClient, reauth)[act](row);
  };
  const revokeOthers = () => changed(reauth(() => client.revokeOthers()));
  return {
    hold: held("hold"),
    undo: held("undo"),
    forget: (id) => shared.holds.set(shared.holds.get().filter((hold) => hold.row.id !== id)),
    revokeOthers,
    report: (id, options) => changed(reauth(() => client.report(id, options))),
    rename: (id, name) => changed(reauth(() => client.rename(id, name))),
    logout: (id) =>
      told(async () => {
        const device = nameIn(queryClient, id) ?? t("kind.unknown");
        await changed(reauth(() => client.revoke(id)));
        return t("row.signedOutOf", { device });
      }),
    logoutAll: () => told(async () => t("others.done", await revokeOthers())),
  };
}

function nameIn(queryClient: QueryClient, id: string): string | undefined {
  const lists = queryClient.getQueriesData<SessionList>({ queryKey: ["sessions", "sojourn"] });
  const row = lists.flatMap(([, list]) => list?.sessions ?? []).find((row) => row.id === id);
  return row && title(row.device);
}
