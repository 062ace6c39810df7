/** What all parts of the pages for administrators share. */

import { createContext, useContext } from "react";
import { createStore, type Store, useStore } from "../react/store";
import { useParams } from "./address";
import type { Boot } from "./wire";
import { ownZone } from "./words";

export interface Admin {
  boot: Boot;
  /** Nothing is asked for by itself. */
  paused: Store<boolean>;
  /** The server no longer knows the reader as an administrator. */
  refused: Store<boolean>;
}

export const createAdmin = (boot: Boot): Admin => ({
  boot,
  paused: createStore(false),
  refused: createStore(false),
});

export const AdminContext = createContext<Admin | null>(null);

export function useAdmin(): Admin {
  const admin = useContext(AdminContext);
  if (!admin) throw new Error("This is a part of the pages for administrators.");
  return admin;
}

export const usePaused = (): boolean => useStore(useAdmin().paused);

/** The time zone of all that is shown: the reader's own, unless the address says UTC. */
export const useZone = (): string => (useParams().get("zone") === "utc" ? "UTC" : ownZone());

/** The address of a page of ours. */
export function useHref(): (path: string, query?: Record<string, string | null | undefined>) => string {
  const { boot } = useAdmin();
  return (path, query = {}) => {
    const given = Object.entries(query).filter((pair): pair is [string, string] => Boolean(pair[1]));
    const rest = new URLSearchParams(given).toString();
    return `${boot.base}${path}${rest && `?${rest}`}`;
  };
}
