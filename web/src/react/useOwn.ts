/** What is one's own, and seldom changes. */

import { type QueryFunction, type QueryKey, type UseQueryResult, useQuery } from "@tanstack/react-query";
import { retry } from "./errors";
import { useAskable } from "./session";

export function useOwn<T>(queryKey: QueryKey, queryFn: QueryFunction<T>): UseQueryResult<T> {
  const enabled = useAskable();
  return useQuery<T>({
    queryKey,
    queryFn,
    enabled,
    staleTime: 60_000,
    retry,
    notifyOnChangeProps: "all", // the result is handed on whole
  });
}
