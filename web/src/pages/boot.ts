/** Reads what the server wrote into the page, so that nothing has to be asked for again. */
import { QueryClient } from "@tanstack/react-query";
import type { Current, History, Preferences, SessionList } from "../client";
import { keys } from "../react";

export interface Boot {
  base_url: string;
  locale: string;
  login_url: string;
  password_url: string;
  /** Of applications and tenants, by their ids. */
  names: Record<string, string>;
  sessions: SessionList | null;
  history: History | null;
  current: Current | null;
  preferences: Preferences | null;
  /** How far back `history` goes. */
  days?: number;
}

export function readBoot(page: Document): Boot | null {
  const block = page.getElementById("sojourn-boot");
  return block === null ? null : (JSON.parse(block.textContent ?? "") as Boot);
}

/** When the page's data were true, on this browser's clock: the server's may be another. */
export function pageTime(): number {
  const [navigation] = performance.getEntriesByType?.("navigation") ?? [];
  const since = (navigation as PerformanceNavigationTiming | undefined)?.responseStart;
  return since ? Math.round(performance.timeOrigin + since) : Date.now();
}

/** A cache in which the page's data lie as if they had been fetched when the page was. */
export function seededCache(boot: Boot, updatedAt: number): QueryClient {
  const cache = new QueryClient();
  const known = [
    [keys.sessions(), boot.sessions],
    [keys.history(), boot.history],
    [keys.session(), boot.current],
    [keys.preferences(), boot.preferences],
  ] as const;
  for (const [key, data] of known) if (data) cache.setQueryData(key, data, { updatedAt });
  return cache;
}
