/** How much each kind has of the whole: lying bars, each with its name and its number. */

import type { ReactNode } from "react";
import { useShared } from "../../react/context";
import type { Share } from "../sums";

export interface SharesProps {
  title: string;
  shares: Share[];
  name: (label: string) => string;
  format: (value: number) => string;
  /** Those that are no good sign. */
  bad?: (label: string) => boolean;
}

const MOST = 8;

/** The largest ones; the rest is in the table. */
export function Shares({ title, shares, name, format, bad }: SharesProps): ReactNode {
  const { cx } = useShared();
  const most = shares[0]?.count ?? 1;
  const listed = shares.slice(0, MOST);
  return (
    <>
      <ul className={cx("shares")} aria-label={title}>
        {listed.map(({ label, count }) => (
          <li key={label} className={cx(bad?.(label) && "bad")}>
            <span>{name(label)}</span>
            <b>{format(count)}</b>
            <svg viewBox="0 0 100 8" height="8" preserveAspectRatio="none" aria-hidden="true">
              <rect className={cx("track")} width="100" height="8" />
              <rect className={cx("bar")} width={(100 * count) / most} height="8" />
            </svg>
          </li>
        ))}
      </ul>
      {shares.length > MOST && <p className={cx("fine")}>{shares.length - MOST} more in the table.</p>}
    </>
  );
}
