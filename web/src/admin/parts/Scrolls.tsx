/** What may be wider than the page: it scrolls by itself, and can be reached by keys. */

import type { ReactNode } from "react";
import { useShared } from "../../react/context";

export interface ScrollsProps {
  label: string;
  kind?: string;
  children: ReactNode;
}

export function Scrolls({ label, kind, children }: ScrollsProps): ReactNode {
  const { cx } = useShared();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys
    <section className={cx("scrolls", kind)} aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
