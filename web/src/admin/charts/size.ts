/** How wide a drawing is on the screen, so that a pixel of it is one of the screen and its text keeps its size. */

import { type RefObject, useLayoutEffect, useRef, useState } from "react";

export const USUAL = 560;

export function useWidth(): [RefObject<HTMLDivElement | null>, number] {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(USUAL);
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return;
    const measure = () => setWidth(Math.max(200, Math.round(element.clientWidth)) || USUAL);
    if (element.clientWidth) measure();
    if (typeof ResizeObserver === "undefined") return;
    const watch = new ResizeObserver(measure);
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  return [ref, width];
}
