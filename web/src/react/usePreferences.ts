/** One's own limits. */

import { type UseQueryResult, useQueryClient } from "@tanstack/react-query";
import type { Preferences } from "../client/types";
import { useShared } from "./context";
import { keys } from "./keys";
import { useReauth } from "./reauth";
import { useOwn } from "./useOwn";

export type UsePreferencesResult = UseQueryResult<Preferences> & {
  /** Asks who is there if it must. */
  save: (given: { idle_timeout: number | null }) => Promise<Preferences>;
};

export function usePreferences(): UsePreferencesResult {
  const { client } = useShared();
  const queryClient = useQueryClient();
  const reauth = useReauth();
  const query = useOwn(keys.preferences(), () => client.preferences());
  const save: UsePreferencesResult["save"] = async (given) => {
    const saved = await reauth(() => client.setPreferences(given));
    queryClient.setQueryData(keys.preferences(), saved);
    return saved;
  };
  return { ...query, save };
}
