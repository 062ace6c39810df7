/** The words of a tree, and how they grow with the parts that are fetched later. */

import { useCallback, useEffect, useMemo, useState } from "react";
import { type Catalogue, merged, type Vocabulary } from "./messages";
import {
  arrivals,
  fetched,
  here,
  type MoreMessages,
  PARTS,
  type Part,
  type Parts,
  unreachable,
} from "./parts";
import { useStore } from "./store";

export interface Given {
  messages?: Partial<Catalogue>;
  moreMessages?: MoreMessages;
  vocabulary?: Vocabulary;
}

export interface Words {
  catalogue: Catalogue;
  /** Undefined until it and its words are here. */
  part: <P extends Part>(name: P) => Parts[P] | undefined;
  /** Resolves when they are; rejects if they cannot be had. */
  fetchPart: <P extends Part>(name: P) => Promise<Parts[P]>;
}

export function useWords(given: Given): Words {
  const { messages, moreMessages, vocabulary } = given;
  const [late, keep] = useState<{ [P in Part]?: Partial<Catalogue> }>({});
  const count = useStore(arrivals);
  // biome-ignore lint/correctness/useExhaustiveDependencies: with each arrival there are more English words
  const catalogue = useMemo(
    () => merged({ ...late.cards, ...late.dialogs, ...messages }, vocabulary),
    [late, messages, vocabulary, count],
  );
  const fetchPart = useCallback(
    async <P extends Part>(name: P) => {
      const asked = moreMessages?.[name]?.().catch(() => null);
      const file = await fetched(name);
      if (asked) {
        const words = (await asked) ?? file.english ?? unreachable(); // rather in English than not at all
        keep((known) => (known[name] === words ? known : { ...known, [name]: words }));
      }
      return file;
    },
    [moreMessages],
  );
  usePreload(fetchPart);
  return {
    catalogue,
    fetchPart,
    part: (name) => (late[name] || !moreMessages?.[name] ? here[name] : undefined),
  };
}

/** Fetches all parts when there is nothing better to do. */
function usePreload(fetchPart: Words["fetchPart"]): void {
  useEffect(() => {
    const fetch = () => {
      for (const name of PARTS) fetchPart(name).catch(() => {});
    };
    const timer = setTimeout(fetch, 1_000);
    return () => clearTimeout(timer);
  }, [fetchPart]);
}
