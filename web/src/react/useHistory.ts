/** What was signed out lately. */

import type { UseQueryResult } from "@tanstack/react-query";
import type { History } from "../client/types";
import { useShared } from "./context";
import { keys } from "./keys";
import { useOwn } from "./useOwn";

export function useHistory(): UseQueryResult<History> {
  const { client } = useShared();
  return useOwn(keys.history(), ({ signal }) => client.history({ passive: true, signal }));
}
