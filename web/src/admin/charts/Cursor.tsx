/** Leads through the points of a drawing, by pointer and by keys, and says what is there. */

import {
  type KeyboardEvent,
  type PointerEvent,
  type ReactNode,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { useShared } from "../../react/context";

export interface Cursor {
  /** null: nowhere. */
  at: number | null;
  byKey: boolean;
}

export interface CursorProps {
  /** Of what the points are. */
  label: string;
  count: number;
  /** Points beside one another; up and down lead to the next such line. */
  across?: number;
  /** Which point lies where: *x* and *y* from 0 to 1. */
  locate: (x: number, y: number) => number;
  /** Where it lies, in pixels from the left and the top. */
  place: (index: number) => [number, number];
  name: (index: number) => string;
  value: (index: number) => string;
  onMove: (index: number | null) => void;
}

const NOWHERE: Cursor = { at: null, byKey: false };

/** Where a key leads from *at*; undefined: it is none of ours. */
export function led(
  key: string,
  at: number | null,
  count: number,
  across: number,
): number | null | undefined {
  const last = count - 1;
  const from = at ?? last;
  const leads: Record<string, number> = {
    ArrowLeft: from - 1,
    ArrowRight: from + 1,
    ArrowUp: across < count ? from - across : from + 1,
    ArrowDown: across < count ? from + across : from - 1,
    PageUp: from - Math.ceil(count / 8),
    PageDown: from + Math.ceil(count / 8),
    Home: 0,
    End: last,
  };
  if (key === "Escape") return null;
  const to = leads[key];
  return to === undefined ? undefined : Math.min(last, Math.max(0, to));
}

export function CursorArea(props: CursorProps): ReactNode {
  const { label, count, across = count, locate, name, value, onMove } = props;
  const { cx } = useShared();
  const [cursor, setCursor] = useState(NOWHERE);
  const go = (at: number | null, byKey: boolean) => {
    setCursor({ at, byKey });
    onMove(at);
  };
  const keyDown = (event: KeyboardEvent) => {
    const to = led(event.key, cursor.at, count, across);
    if (to === undefined || (to === null && cursor.at === null)) return;
    event.preventDefault();
    go(to, true);
  };
  const pointed = (event: PointerEvent<HTMLDivElement>) => {
    const { left, top, width, height } = event.currentTarget.getBoundingClientRect();
    go(locate((event.clientX - left) / (width || 1), (event.clientY - top) / (height || 1)), false);
  };
  const at = cursor.at === null ? null : Math.min(cursor.at, count - 1);
  return (
    <>
      <div
        className={cx("cursor")}
        role="slider"
        tabIndex={0}
        aria-label={`${label}: points`}
        aria-valuemin={0}
        aria-valuemax={count - 1}
        aria-valuenow={at ?? count - 1}
        aria-valuetext={name(at ?? count - 1)}
        onKeyDown={keyDown}
        onPointerMove={pointed}
        onPointerDown={pointed}
        onPointerLeave={() => go(null, false)}
        onBlur={() => cursor.byKey && go(null, false)}
      />
      {/* What the keys lead to is said; what the pointer hovers over is only seen. */}
      <p className={cx("unseen")} role="status">
        {at !== null && cursor.byKey && value(at)}
      </p>
      {at !== null && <Tip {...props} at={at} />}
    </>
  );
}

/** Beside its point, and within the drawing. */
function Tip({ at, name, value, place }: CursorProps & { at: number }): ReactNode {
  const { cx } = useShared();
  const ref = useRef<HTMLDivElement>(null);
  const [x, y] = place(at);
  useLayoutEffect(() => {
    const tip = ref.current;
    const room = tip?.offsetParent?.clientWidth ?? 0;
    if (!tip) return;
    const left = x + 12 + tip.offsetWidth > room ? x - 12 - tip.offsetWidth : x + 12;
    tip.style.setProperty("left", `${Math.max(0, left)}px`); // by script: the page's policy allows no style attribute
    tip.style.setProperty("top", `${Math.max(0, y)}px`);
  });
  return (
    <div ref={ref} className={cx("tip")} aria-hidden="true">
      <b>{name(at)}</b>
      {value(at)
        .split(" · ")
        .map((line) => (
          <span key={line}>{line}</span>
        ))}
    </div>
  );
}
