/** Looks after the list: says which device has come, keeps the focus in it, and its lines still under the hand. */

import { type ReactNode, type RefObject, useEffect, useRef } from "react";
import { useShared } from "./context";
import { type Group, title } from "./devices";
import type { Devices } from "./useDevices";
import { keepFocus, listen } from "./useKeptFocus";

export function Upkeep({
  section,
  list,
}: {
  section: RefObject<HTMLElement | null>;
  list: Devices;
}): ReactNode {
  const { inside, setStill } = list;
  useArrivals(list.all);
  useEffect(() => (section.current ? keepFocus(section.current) : undefined), [section]);
  useEffect(() => {
    const element = inside.current;
    if (!element) return;
    // After the event, when it is clear where the focus went.
    const look = () => queueMicrotask(() => setStill(element.matches(":hover, :focus-within")));
    return listen(element, ["mouseenter", "mouseleave", "focusin", "focusout"], look);
  }, [inside, setStill]);
  return null;
}

function useArrivals(groups: Group[] | undefined): void {
  const { notify, t } = useShared();
  const known = useRef<Set<string>>(undefined);
  useEffect(() => {
    if (!groups) {
      known.current = undefined;
      return;
    }
    for (const { key, row } of groups)
      if (known.current?.has(key) === false)
        notify({ kind: "success", quiet: true, text: t("sessions.arrived", { device: title(row.device) }) });
    known.current = new Set([...(known.current ?? []), ...groups.map((group) => group.key)]);
  }, [groups, notify, t]);
}
