/** Short facts in a row, parted by dots that only the style sheet draws. */

import type { ReactNode } from "react";
import { useShared } from "./context";

export function Line({ facts }: { facts: ReactNode[] }): ReactNode {
  const { cx } = useShared();
  // A space between them, for those who hear or copy them.
  const spaced = facts.map((fact) => fact && [<span key="fact">{fact}</span>, " "]);
  return <p className={cx("facts")}>{spaced}</p>;
}
