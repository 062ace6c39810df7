/** What a list of sessions is narrowed by: read from the address, written to it, said in words. */

import { useEffect, useRef, useState } from "react";
import { move } from "./address";
import type { Where } from "./wire";
import { country } from "./words";

export const FILTERS = [
  "q",
  "user_id",
  "ip",
  "device",
  "country",
  "kind",
  "state",
  "application_id",
  "tenant_id",
] as const;

/** Fewer characters would match nearly everything. */
export const LEAST = 2;
const PAUSE = 300;

export function whereOf(params: URLSearchParams): Where {
  const given = FILTERS.flatMap((name) => {
    const value = params.get(name)?.trim();
    return value && !(name === "q" && value.length < LEAST) ? [[name, value] as const] : [];
  });
  return Object.fromEntries(given);
}

export const STATES: Record<string, string> = { "": "Active", ended: "Ended", all: "All" };

export const KINDS: Record<string, string> = {
  "": "Any",
  desktop: "Computer",
  mobile: "Phone",
  tablet: "Tablet",
  api: "Application",
  bot: "Robot",
  unknown: "Unknown",
};

/** "country: Germany", one for each filter. */
export function spoken(where: Where, names: Record<string, string> = {}): string[] {
  const said: Record<string, (value: string) => string> = {
    q: (value) => `matching “${value}”`,
    user_id: (value) => `of the user ${names[value] ?? value}`,
    ip: (value) => `from ${value}`,
    device: (value) => `on a device like “${value}”`,
    country: (value) => `in ${country(value)}`,
    kind: (value) => `on: ${KINDS[value] ?? value}`,
    state: (value) => `state: ${STATES[value] ?? value}`,
    application_id: (value) => `in the application ${names[value] ?? value}`,
    tenant_id: (value) => `for the tenant ${names[value] ?? value}`,
  };
  return Object.entries(where).map(([name, value]) => said[name]?.(value) ?? `${name}: ${value}`);
}

export interface Typing {
  text: string;
  type: (text: string) => void;
  /** Now, without waiting for a pause. */
  settle: () => void;
}

/**
 * A search that is written while one types: into the address when one pauses, one entry of the history for all that is
 * typed in one go.
 */
export function useTyping(name: string, params: URLSearchParams): Typing {
  const given = params.get(name) ?? "";
  const [text, setText] = useState(given);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const typing = useRef(false);
  const latest = useRef(text);
  const known = useRef(given);
  useEffect(() => {
    if (known.current === given) return;
    known.current = given; // Back, or "Clear filters"
    latest.current = given;
    typing.current = false;
    setText(given);
  }, [given]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const write = () => {
    clearTimeout(timer.current);
    const wanted = latest.current.trim();
    if (wanted === known.current || (wanted && wanted.length < LEAST)) return;
    known.current = wanted;
    move({ [name]: wanted, after: null }, typing.current ? "replace" : "push");
    typing.current = true;
  };
  return {
    text,
    type: (next) => {
      latest.current = next;
      setText(next);
      clearTimeout(timer.current);
      timer.current = setTimeout(write, PAUSE);
    },
    settle: () => {
      write();
      typing.current = false;
    },
  };
}
