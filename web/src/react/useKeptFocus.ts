/** When what has the focus goes away, the focus goes to what is next: never to the page as a whole. */

import { type RefObject, useEffect, useRef } from "react";

const CONTROLS = "button, summary, a[href], input";

interface Place {
  control: Element;
  row: Element | null;
  index: number;
}

/** Hears events itself: those that bubble in React do not in all that renders like it. */

export function listen(element: Element, types: string[], listener: (event: Event) => void): () => void {
  for (const type of types) element.addEventListener(type, listener);
  return () => {
    for (const type of types) element.removeEventListener(type, listener);
  };
}

/** For a part whose lines are `li` and whose heading can take the focus. Looks after each of its changes. */
export function useKeptFocus(): RefObject<HTMLElement | null> {
  const ref = useRef<HTMLElement>(null);
  useEffect(() => (ref.current ? keepFocus(ref.current) : undefined), []);
  return ref;
}

/** Until what it returns is called. */
export function keepFocus(section: Element): () => void {
  let last: Place | undefined;
  const watch = new MutationObserver(() => keep(section, last));
  watch.observe(section, { childList: true, subtree: true });
  const off = listen(section, ["focusin"], ({ target }) => {
    const control = target as Element;
    const row = control.closest("li");
    last = { control, row, index: row ? rowsOf(section).indexOf(row) : 0 };
  });
  return () => {
    watch.disconnect();
    off();
  };
}

const rowsOf = (section: Element): Element[] => [...section.querySelectorAll("li")];

function keep(section: Element, last: Place | undefined): void {
  const lost = document.activeElement === document.body || !document.activeElement;
  if (!last || last.control.isConnected || !lost) return;
  const rows = rowsOf(section);
  const near = [
    last.row?.isConnected ? last.row : null,
    rows[last.index],
    ...rows.slice(0, last.index).reverse(),
  ];
  const next = near.map((row) => row?.querySelector<HTMLElement>(CONTROLS)).find(Boolean);
  (next ?? section.querySelector<HTMLElement>("[tabindex='-1']"))?.focus();
}
