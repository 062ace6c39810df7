/** Hooks for administrators. */

import {
  type UseMutationResult,
  type UseQueryResult,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import type { SessionClient } from "../client/types";
import { useShared } from "./context";
import { retry } from "./errors";
import { keys } from "./keys";
import { useReauth } from "./reauth";
import { useAskable } from "./session";

export type AdminQuery = Parameters<SessionClient["admin"]["sessions"]>[0];

/** Everybody's sessions, as the admin API answers. Looks again every 10 s while it is visible. */
export function useAdminSessions<T = unknown>(query?: AdminQuery): UseQueryResult<T> {
  const { client } = useShared();
  return useQuery<T>({
    queryKey: keys.admin(query),
    queryFn: () => client.admin.request<T>("/sessions", { query, passive: true }), // no page keeps its reader signed in
    enabled: useAskable(),
    refetchInterval: 10_000,
    retry,
  });
}

export interface AdminRevocation {
  id: string;
  reason?: string;
  note?: string;
}

export function useAdminRevoke(): UseMutationResult<unknown, Error, AdminRevocation> {
  const { client } = useShared();
  const queryClient = useQueryClient();
  const reauth = useReauth();
  return useMutation<unknown, Error, AdminRevocation>({
    mutationFn: ({ id, ...given }) => reauth(() => client.admin.revoke(id, given)),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["sojourn", "admin"] }),
  });
}
