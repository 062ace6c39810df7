/** One client and one cache per address of the API, for as long as an element on the page uses them. */
import { QueryClient } from "@tanstack/react-query";
import { createSessionClient, type SessionClient } from "../client";

export interface Shared {
  client: SessionClient;
  queryClient: QueryClient;
  /** To be called once. Whoever is the last one clears the cache. */
  release(): void;
}

const inUse = new Map<string, { client: SessionClient; queryClient: QueryClient; users: number }>();

export function share(baseUrl: string): Shared {
  const entry = inUse.get(baseUrl) ?? {
    client: createSessionClient({ baseUrl, mode: "cookie" }),
    queryClient: new QueryClient(),
    users: 0,
  };
  inUse.set(baseUrl, entry);
  entry.users += 1;
  const release = (): void => {
    entry.users -= 1;
    if (entry.users > 0) return;
    entry.queryClient.clear();
    inUse.delete(baseUrl);
  };
  return { client: entry.client, queryClient: entry.queryClient, release };
}
