/** What the pages ask the server for: each part by itself, again and again while it is looked at. */

import { type QueryClient, type UseQueryResult, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useSyncExternalStore } from "react";
import type { SessionError, User } from "../client";
import { useShared } from "../react/context";
import { codeOf, retry } from "../react/errors";
import { useReauth } from "../react/reauth";
import { useAskable } from "../react/session";
import { useAdmin, usePaused } from "./context";
import { type Range, spanOf } from "./ranges";
import type { Alerts, Boot, Found, Heat, Histogram, Job, Jobs, Lines, Series, Stats, Users } from "./wire";

export type Asked<T> = UseQueryResult<T, SessionError>;
type Query = Record<string, string | number | boolean | undefined>;

export const LIVE = 10_000;
const SLOW = 60_000;
/** How old what is shown may be before we say so. */
export const STALE = 30_000;

interface How {
  /** ms; false: only when it is looked at again. */
  every?: number | false;
  enabled?: boolean;
  /** What `also` depends on. */
  about?: string;
  /** Said anew each time it is asked. */
  also?: (now: number) => Query;
}

/** Nothing that a page asks by itself is a sign of a person: no page keeps its reader signed in. */
function useAsked<T>(path: string, query: Query = {}, how: How = {}): Asked<T> {
  const { client } = useShared();
  const { refused } = useAdmin();
  const paused = usePaused();
  const { every = LIVE, enabled = true, about, also } = how;
  const asked = useQuery<T, SessionError>({
    queryKey: keyOf(path, query, about),
    queryFn: ({ signal }) =>
      client.admin.request<T>(path, {
        query: { ...query, ...also?.(client.now()) },
        passive: true,
        signal,
      }),
    enabled: useAskable() && enabled,
    refetchInterval: paused ? false : every,
    refetchIntervalInBackground: false,
    refetchOnWindowFocus: !paused && every !== false,
    staleTime: 5_000,
    placeholderData: (before) => before,
    retry,
  });
  const { error } = asked;
  useEffect(() => {
    if (error && codeOf(error) === "forbidden") refused.set(true);
  }, [error, refused]);
  return asked;
}

/** In a cache the numbers of *boot* lie as if they had been fetched when the page was. */
export function seed(cache: QueryClient, { stats }: Boot, updatedAt: number): QueryClient {
  if (stats) cache.setQueryData(keyOf("/stats", {}), stats, { updatedAt });
  return cache;
}

const keyOf = (path: string, query: Query, about?: string): unknown[] => [
  "sojourn",
  "admin",
  path,
  query,
  about,
];

export const useStats = (): Asked<Stats> => useAsked("/stats");

export function useSeries(metric: string, range: Range, compare = false): Asked<Series> {
  const query = { metric, step: range.step, compare: compare ? "previous" : undefined };
  return useAsked("/series", query, {
    every: range.every,
    about: range.name,
    also: (now) => spanOf(range, now),
  });
}

export const useHistogram = (metric: "duration" | "devices"): Asked<Histogram> =>
  useAsked("/histogram", { metric }, { every: SLOW });

export const useHeatmap = (zone: string, range: Range): Asked<Heat> =>
  useAsked("/heatmap", { zone }, { every: SLOW, about: range.name, also: (now) => spanOf(range, now) });

export const useFound = (where: Query, after?: string): Asked<Found> =>
  useAsked("/sessions", { ...where, after, limit: 50 });

export const useUsers = (search: string, after?: string): Asked<Users> =>
  useAsked("/users", { search: search || undefined, after, limit: 50 }, { every: false });

export const useUser = (id: string): Asked<User> => useAsked(`/users/${encodeURIComponent(id)}`);

export const useFoundOf = (id: string): Asked<Found> =>
  useAsked(`/users/${encodeURIComponent(id)}/sessions`, { limit: 100 });

/** *shown*: with what is personal, each look at which is written down; so nobody looks at it by themselves. */
export function useTimeline(userId: string, after?: string, shown = false): Asked<Lines> {
  const query = { after, limit: 50, show: shown ? "personal" : undefined };
  return useAsked(`/users/${encodeURIComponent(userId)}/journal`, query, { every: shown ? false : SLOW });
}

export const useAlerts = (state: string, after?: string, limit = 50): Asked<Alerts> =>
  useAsked("/alerts", { state, after, limit });

export const useJobs = (): Asked<Jobs> => useAsked("/revoke");

/** Quickly while it works, and while it can be undone. */
export function useJob(id: string): Asked<Job> {
  return useAsked(`/revoke/${encodeURIComponent(id)}`, {}, { every: 1_000 });
}

/** Runs what changes something; asks who is here if the server wants to know, and looks again afterwards. */
export function useChange(): <T>(path: string, body?: unknown, method?: "POST" | "DELETE") => Promise<T> {
  const { client } = useShared();
  const queryClient = useQueryClient();
  const reauth = useReauth();
  return useCallback(
    async (path, body, method = "POST") => {
      const options = { method, body };
      try {
        return await reauth(() => client.admin.request(path, options));
      } finally {
        void queryClient.invalidateQueries({ queryKey: ["sojourn", "admin"] });
      }
    },
    [client, queryClient, reauth],
  );
}

const beat = (tell: () => void): (() => void) => {
  const timer = setInterval(tell, 1_000);
  return () => clearInterval(timer);
};

/** Whether what came at *at*, on this browser's clock, is old by now. */
export function useStale(at: number): boolean {
  return useSyncExternalStore(
    beat,
    () => at > 0 && Date.now() - at > STALE,
    () => false,
  );
}
