/** Moments as an administrator reads them, in the chosen time zone; they move by themselves. */

import type { ReactNode } from "react";
import { useNow } from "../../react/clock";
import { useShared } from "../../react/context";
import { ago, left } from "../../react/format";
import { useZone } from "../context";
import { dateTime } from "../words";

export interface WhenProps {
  at: string;
  /** "ago": 2 hours ago · "left": in 6 days · "date": 8 Nov 2025, 17:45 */
  as?: "ago" | "left" | "date";
}

export function When({ at, as = "ago" }: WhenProps): ReactNode {
  const { t } = useShared();
  const time = Date.parse(at);
  const zone = useZone();
  const now = useNow(time, 15_000);
  const fixed = dateTime(time, zone);
  const distance = now === null ? null : time - now;
  return (
    <time dateTime={at} title={fixed}>
      {as === "date" || distance === null ? fixed : said(distance, as)}
    </time>
  );

  function said(distance: number, as: "ago" | "left"): string {
    if (as === "ago") return ago(t, -distance) ?? "now";
    return distance < 1000 ? "over" : `in ${left(t, distance)}`;
  }
}
