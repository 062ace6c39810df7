/** Times that are true when they are read: they move by themselves, on the server's clock. */

import type { ReactNode } from "react";
import { useNow } from "./clock";
import { useShared } from "./context";
import { ago, date, left, timeOfDay } from "./format";

const SOON = 5 * 60_000;

const ms = (at: string | number): number => (typeof at === "number" ? at : Date.parse(at));

export interface RelativeTimeProps {
  at: string | number | null | undefined;
  /** "ago": 2 hours ago · "active": Last active 2 hours ago · "left": 5 days, 23 hours · "expires": Expires in … */
  as?: "ago" | "active" | "left" | "expires";
}

export function RelativeTime({ at, as = "ago" }: RelativeTimeProps): ReactNode {
  const { cx, locale, t } = useShared();
  const time = at ? ms(at) : null;
  const now = useNow(time);
  if (time === null) return t("row.never");
  const fixed = date(locale, time);
  const distance = now === null ? null : time - now;
  const soon = as === "expires" && distance !== null && distance < SOON;
  return (
    <time className={cx(soon && "soon")} dateTime={new Date(time).toISOString()} title={fixed}>
      <bdi>{distance === null ? fixed : words(t, as, distance)}</bdi>
    </time>
  );
}

function words(
  t: Parameters<typeof ago>[0],
  as: NonNullable<RelativeTimeProps["as"]>,
  distance: number,
): string {
  if (as === "left") return left(t, distance);
  if (as === "expires") return t(distance < SOON ? "row.soon" : "row.expires", { left: left(t, distance) });
  const said = ago(t, -distance);
  if (!said) return t("row.active");
  return as === "active" ? t("row.lastActive", { ago: said }) : said;
}

/** "8 Nov 2025, 17:45", in the reader's zone; with `clock` only the time of day, to the second. */
export function DateTime({ at, clock }: { at: string | number; clock?: boolean }): ReactNode {
  const { locale } = useShared();
  const time = ms(at);
  return (
    <time dateTime={new Date(time).toISOString()}>
      <bdi>{clock ? timeOfDay(locale, time) : date(locale, time)}</bdi>
    </time>
  );
}
