/** Sessions as people see them: one line per device. */

import type { Device, SessionRow } from "../client/types";
import type { Hold } from "./context";

export interface Group {
  key: string;
  /** The session at hand if it is there, else the one used last: the line shows this one. */
  row: SessionRow;
  rows: SessionRow[];
  /** What was signed out of it a moment ago. */
  holds: Hold[];
  /** All of it is signed out. */
  gone: boolean;
  current: boolean;
}

/** What its user calls it; else the model, where one is known; else the software, which is then not said twice. */
export const title = (device: Device): string => device.custom_name || device.model || device.name;

export const software = (device: Device): string | null =>
  device.custom_name || device.model ? device.name : null;

export const place = ({ place }: SessionRow): string =>
  place ? [place.city, place.country].filter(Boolean).join(", ") : "";

const best = (a: SessionRow, b: SessionRow): number =>
  Number(b.current) - Number(a.current) || Date.parse(b.seen_at) - Date.parse(a.seen_at);

export const isOut = (hold: Hold): boolean => hold.state !== "failed";

/** This device first, then the one used last. What is held stays, though the server lists it no longer. */
export function grouped(sessions: SessionRow[], holds: Hold[]): Group[] {
  const held = new Map(holds.map((hold) => [hold.row.id, hold]));
  const listed = new Set(sessions.map((row) => row.id));
  const rows = [
    ...sessions,
    ...holds.filter((hold) => isOut(hold) && !listed.has(hold.row.id)).map((hold) => hold.row),
  ];
  const groups = new Map<string, SessionRow[]>();
  for (const row of rows.sort(best)) {
    const key = row.device.id ?? row.id;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups].map(([key, rows]) => group(key, rows, held));
}

function group(key: string, rows: SessionRow[], held: Map<string, Hold>): Group {
  const holds = rows.flatMap((row) => held.get(row.id) ?? []);
  const live = rows.filter((row) => !holds.some((hold) => hold.row.id === row.id && isOut(hold)));
  const row = live[0] ?? (rows[0] as SessionRow);
  return { key, row, rows, holds, gone: live.length === 0, current: row.current };
}

/** *groups* in the order of *before*, new ones last. */
export function inOrder(groups: Group[], before: string[]): Group[] {
  const rank = ({ key }: Group) => (before.includes(key) ? before.indexOf(key) : before.length);
  return [...groups].sort((a, b) => rank(a) - rank(b));
}
