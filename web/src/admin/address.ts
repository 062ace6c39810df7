/** What is shown, in the address of the page: Back undoes a choice, and a reload keeps it. */

import { useSyncExternalStore } from "react";

export type Change = Record<string, string | null>;

const listeners = new Set<() => void>();

function tell(): void {
  for (const listener of [...listeners]) listener();
}

function subscribe(listener: () => void): () => void {
  if (!listeners.size) addEventListener("popstate", tell);
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (!listeners.size) removeEventListener("popstate", tell);
  };
}

/** The query of the address without what is empty. */
export function changed(search: string, change: Change): string {
  const params = new URLSearchParams(search);
  for (const [name, value] of Object.entries(change)) {
    if (value) params.set(name, value);
    else params.delete(name);
  }
  const rest = params.toString();
  return rest && `?${rest}`;
}

/** *state*: what else belongs to this entry of the history. */
export function move(change: Change, how: "push" | "replace" = "push", state: unknown = null): void {
  const { pathname, search, hash } = location;
  const to = changed(search, change);
  if (to === search && how === "push") return;
  history[`${how}State`](state, "", pathname + to + hash);
  tell();
}

export function useParams(): URLSearchParams {
  const search = useSyncExternalStore(
    subscribe,
    () => location.search,
    () => "",
  );
  return new URLSearchParams(search);
}
