/** Hooks about the session at hand. */

import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { useCallback, useSyncExternalStore } from "react";
import type { Current, Limits, SessionClient, SessionRow, SessionState, User } from "../client/types";
import { useNow } from "./clock";
import { useShared } from "./context";
import { isOver, retry } from "./errors";
import { keys } from "./keys";

export function useSessionState(): SessionState {
  const { client } = useShared();
  const subscribe = useCallback((tell: () => void) => client.subscribe(tell), [client]);
  const get = useCallback(() => client.getState(), [client]);
  return useSyncExternalStore(subscribe, get, get);
}

/** Whether there is a session to ask about, as far as is known. */
export function useAskable(): boolean {
  const { status } = useSessionState();
  return status === "unknown" || status === "signedIn";
}

export interface UseSessionResult
  extends Pick<SessionClient, "signIn" | "signUp" | "signOut">,
    Pick<UseQueryResult<Current>, "refetch"> {
  /** null: nobody is signed in, or that is not known yet (`isPending`). */
  data: SessionRow | null;
  user: User | null;
  limits: Limits | null;
  status: SessionState["status"];
  isPending: boolean;
  /** That it could not be asked; to be signed out is none. */
  error: Error | null;
}

/** Who is signed in here. */
export function useSession(): UseSessionResult {
  const { client } = useShared();
  const state = useSessionState();
  const live = useAskable();
  const query = useQuery<Current>({
    queryKey: keys.session(),
    queryFn: () => client.current({ passive: true }), // shared with the client's own
    enabled: live,
    staleTime: 60_000,
    retry,
  });
  // The client learns who it is from the same answer; a page may have been served with it before.
  const served = live ? query.data : undefined;
  const session = state.session ?? served?.session ?? null;
  return {
    data: session,
    user: state.user ?? served?.user ?? null,
    limits: state.limits ?? served?.limits ?? null,
    status: state.status === "unknown" && session ? "signedIn" : state.status,
    isPending: live && !session && query.isPending,
    error: isOver(query.error) ? null : query.error,
    refetch: query.refetch,
    signIn: (given) => client.signIn(given),
    signUp: (given) => client.signUp(given),
    signOut: () => client.signOut(),
  };
}

export interface SessionExpiry {
  /** ms until the session ends if nobody is active; null: not known, or never. */
  remaining: number | null;
  endsAt: number | null;
  warning: SessionState["warning"];
  /** Say that somebody is here. */
  extend: () => Promise<void>;
}

/** When the session ends; moves by itself. */
export function useSessionExpiry(): SessionExpiry {
  const { client } = useShared();
  const { idleEndsAt, endsAt, warning, status } = useSessionState();
  const ends = status === "signedIn" ? (warning?.endsAt ?? idleEndsAt ?? endsAt) : null;
  const now = useNow(ends);
  return {
    remaining: ends === null || now === null ? null : Math.max(0, ends - now),
    endsAt: ends,
    warning,
    extend: () => client.extend(),
  };
}
