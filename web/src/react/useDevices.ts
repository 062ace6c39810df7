/** The list as it stands on screen: one line per device, in an order that does not move under the hand. */

import { useQueryClient } from "@tanstack/react-query";
import { type RefObject, useEffect, useMemo, useRef, useState } from "react";
import type { ListFilter, SessionList } from "../client/types";
import { type Hold, useShared } from "./context";
import { type Group, grouped, inOrder } from "./devices";
import { keys } from "./keys";
import { type UseSessionsResult, useSessions } from "./sessions";
import { useStore } from "./store";

export interface Devices {
  query: UseSessionsResult;
  /** With what was signed out a moment ago. */
  groups: Group[];
  /** In the order of the server; undefined: it has not answered yet. */
  all: Group[] | undefined;
  /** Without it. */
  live: Group[];
  /** For the element around the list. */
  inside: RefObject<HTMLDivElement | null>;
  /** Lines are to stay where they are. */
  setStill: (still: boolean) => void;
  /** How many of *keys* are still there, as the list is now. */
  remaining: (keys: string[]) => number;
}

const NONE: SessionList["sessions"] = [];
const NO_HOLDS: Hold[] = [];

export function useDevices(filter?: ListFilter): Devices {
  const shared = useShared();
  const query = useSessions({ filter });
  const queryClient = useQueryClient();
  const holds = useStore(shared.holds);
  const sessions = query.sessions ?? NONE;
  const all = useMemo(() => grouped(sessions, holds), [sessions, holds]);
  const still = useStill(all);
  return {
    query,
    ...still,
    live: still.groups.filter((group) => !group.gone),
    all: query.sessions && all,
    remaining: (wanted) => {
      const now = queryClient.getQueryData<SessionList>(keys.sessions(filter))?.sessions ?? NONE;
      return grouped(now, NO_HOLDS).filter((group) => wanted.includes(group.key) && !group.current).length;
    },
  };
}

/** Lines stay where they are while somebody is at them (`Upkeep`). */
function useStill(groups: Group[]): Pick<Devices, "groups" | "inside" | "setStill"> {
  const inside = useRef<HTMLDivElement>(null);
  const [still, setStill] = useState(false);
  const order = useRef<string[]>([]);
  const shown = still ? inOrder(groups, order.current) : groups;
  useEffect(() => {
    order.current = shown.map((group) => group.key);
  });
  return { groups: shown, inside, setStill };
}
