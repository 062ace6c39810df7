/** The server's time, in steps that are as small as whoever shows it needs. */

import { useCallback, useSyncExternalStore } from "react";
import { useShared } from "./context";
import { period } from "./format";

/** Now, ms of the server's clock; null on the server and until the page is ours, where only fixed times may stand. */
export function useNow(at: number | null, step?: number): number | null {
  const { client } = useShared();
  const every = step ?? period((at ?? 0) - client.now());
  const subscribe = useCallback(
    (tell: () => void) => {
      const timer = setInterval(tell, every);
      return () => clearInterval(timer);
    },
    [every],
  );
  const tick = useSyncExternalStore(
    subscribe,
    () => Math.floor(client.now() / every),
    () => null,
  );
  return tick === null ? null : client.now();
}
