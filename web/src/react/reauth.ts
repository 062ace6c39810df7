/** Acts for which people must have proved lately who they are. */

import { useCallback } from "react";
import { useShared } from "./context";
import { asFailure, codeOf } from "./errors";

export type Reauth = <T>(action: () => Promise<T>) => Promise<T>;

/**
 * Runs an action; if the server wants to know first who is here, asks, and runs it once more.
 * Who cancels gets an error with code "aborted", and nothing has happened.
 */
export function useReauth(): Reauth {
  const shared = useShared();
  return useCallback(
    async (action) => {
      try {
        return await action();
      } catch (error) {
        if (codeOf(error) !== "reauth_required") throw error;
        // A question that cannot be fetched cannot be answered.
        const { ask } = await shared.fetchPart("dialogs").catch(() => Promise.reject(error));
        await ask(shared, asFailure(error).methods);
        return action();
      }
    },
    [shared],
  );
}
