/**
 * What `react` means in the served pages: the part of it that we and TanStack Query use, on Preact's core. Attributes and
 * events are those of HTML and SVG: no `onChange` while one types, no bubbling `onFocus`, no camel case in SVG.
 */
import { toChildArray } from "preact";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";

export { createContext, createElement, Fragment } from "preact";
export {
  useCallback,
  useContext,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
} from "preact/hooks";

export const Children = { toArray: toChildArray };

interface Watched<T> {
  value: T;
  getSnapshot: () => T;
}

function changed<T>({ value, getSnapshot }: Watched<T>): boolean {
  try {
    return !Object.is(value, getSnapshot());
  } catch {
    return true; // what it throws is thrown where it is rendered
  }
}

export function useSyncExternalStore<T>(
  subscribe: (tell: () => void) => () => void,
  getSnapshot: () => T,
): T {
  const value = getSnapshot();
  const [{ watched }, render] = useState({ watched: { value, getSnapshot } });
  const look = (): void => {
    if (changed(watched)) render({ watched });
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is watched stays the same object
  useLayoutEffect(() => {
    Object.assign(watched, { value, getSnapshot });
    look();
  }, [subscribe, value, getSnapshot]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is watched stays the same object
  useEffect(() => {
    look();
    return subscribe(look);
  }, [subscribe]);
  return value;
}
