/** Parts that nobody needs at once: two files with the English words of each, fetched later than the rest. */

import { anew } from "../client/errors";
import { SessionError } from "../client/index";
import { type Catalogue, learn } from "./messages";
import { createStore, type Store } from "./store";

/** What stands below the list, beside it, and folded up in its lines; what asks, warns, and says that it is over. */
export type Part = "cards" | "dialogs";

export interface Parts {
  cards: typeof import("./later-cards");
  dialogs: typeof import("./later-dialogs");
}
/**
 * The words of parts in a language whose catalogue comes in parts, too. Each may be asked more than once; another
 * object is for another language, so make it outside of what renders.
 */
export type MoreMessages = { [P in Part]?: () => Promise<Partial<Catalogue>> };

const FETCH: { [P in Part]: () => Promise<Parts[P]> } = {
  cards: () => import("./later-cards"),
  dialogs: () => import("./later-dialogs"),
};
export const PARTS: Part[] = ["cards", "dialogs"];

export const here: Partial<Parts> = {};
/** How many are here. */
export const arrivals: Store<number> = createStore(0);
const under: { [P in Part]?: Promise<Parts[P]> } = {};

/** What could not be fetched is fetched again when it is asked for again. */
export function fetched<P extends Part>(part: P): Promise<Parts[P]> {
  const coming = under as { [K in P]?: Promise<Parts[P]> };
  coming[part] ??= FETCH[part]()
    .catch(anew)
    .then(
      (file: Parts[P]) => {
        here[part] = file;
        learn(file.english);
        arrivals.set(arrivals.get() + 1);
        return file;
      },
      (error: unknown) => {
        delete coming[part];
        throw error;
      },
    );
  return coming[part];
}

export function unreachable(): never {
  throw new SessionError("network");
}

/** Resolves when these parts are here; by default all. */
export async function preload(...parts: Part[]): Promise<void> {
  await Promise.all((parts.length ? parts : PARTS).map(fetched));
}
