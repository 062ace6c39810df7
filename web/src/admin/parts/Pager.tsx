/** From page to page of a list that only knows what comes next; the way back is kept with the history. */

import type { ReactNode } from "react";
import { Button } from "../../react/Button";
import { useShared } from "../../react/context";
import { move } from "../address";

interface Trail {
  /** Where the pages before began; "" is the first. */
  trail?: string[];
}

const trail = (): string[] => (history.state as Trail | null)?.trail ?? [];

export function Pager({ next, after }: { next: string | null; after: string | null }): ReactNode {
  const { cx } = useShared();
  if (!next && !after) return null;
  const forth = () => move({ after: next }, "push", { trail: [...trail(), after ?? ""] });
  const back = () => {
    const before = trail();
    move({ after: before.at(-1) ?? "" }, "push", { trail: before.slice(0, -1) });
  };
  return (
    <nav className={cx("acts", "pager")} aria-label="Pages">
      <Button off={!after} onClick={back}>
        ‹ Previous
      </Button>
      <Button off={!next} onClick={forth}>
        Next ›
      </Button>
    </nav>
  );
}
