/** Why something is done to somebody else's sessions: no revocation goes without. */

import { type ReactNode, useState } from "react";
import { useShared } from "../../react/context";
import type { Why } from "../wire";
import { WHYS } from "../words";

export interface Told {
  reason: Why | "";
  note: string;
  /** Seconds. */
  undoFor: number;
}

export const NOTHING_TOLD: Told = { reason: "", note: "", undoFor: 60 };

/** What is missing, as a sentence; null: nothing. */
export function missing({ reason, note }: Told): string | null {
  if (!reason) return "Choose a reason.";
  return reason === "other" && !note.trim() ? "Say in the note what the reason is." : null;
}

/** As the API wants it. */
export const asBody = ({ reason, note, undoFor }: Told): object => ({
  reason,
  note: note.trim() || null,
  undo_for: undoFor,
});

export function useTold(): [Told, (change: Partial<Told>) => void] {
  const [told, setTold] = useState(NOTHING_TOLD);
  return [told, (change) => setTold((before) => ({ ...before, ...change }))];
}

const UNDO: [number, string][] = [
  [0, "Not at all"],
  [60, "For 1 minute"],
  [300, "For 5 minutes"],
  [600, "For 10 minutes"],
];

export function ReasonFields({
  told,
  tell,
}: {
  told: Told;
  tell: (change: Partial<Told>) => void;
}): ReactNode {
  const { cx } = useShared();
  return (
    <>
      <label className={cx("field")}>
        Reason
        <select value={told.reason} required onChange={(e) => tell({ reason: e.currentTarget.value as Why })}>
          <option value="">Choose…</option>
          {Object.entries(WHYS).map(([code, words]) => (
            <option key={code} value={code}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <label className={cx("field")}>
        {told.reason === "other" ? "Note" : "Note (optional)"}
        <input
          value={told.note}
          maxLength={200}
          autoComplete="off"
          required={told.reason === "other"}
          onInput={(e) => tell({ note: e.currentTarget.value })}
        />
        <small>Only administrators see it. It is written to the journal.</small>
      </label>
      <label className={cx("field")}>
        Can be undone
        <select
          value={String(told.undoFor)}
          onChange={(e) => tell({ undoFor: Number(e.currentTarget.value) })}
        >
          {UNDO.map(([seconds, words]) => (
            <option key={seconds} value={String(seconds)}>
              {words}
            </option>
          ))}
        </select>
      </label>
    </>
  );
}

export interface TypedProps {
  /** What has to be typed. */
  wanted: string;
  children: ReactNode;
  typed: string;
  onType: (text: string) => void;
}

/** A second thought: nobody types this by accident. */
export function Typed({ wanted, children, typed, onType }: TypedProps): ReactNode {
  const { cx } = useShared();
  return (
    <label className={cx("field")}>
      <span>{children}</span>
      <input
        value={typed}
        autoComplete="off"
        spellCheck={false}
        required
        aria-invalid={typed !== "" && !isTyped(typed, wanted) ? true : undefined}
        onInput={(event) => onType(event.currentTarget.value)}
      />
    </label>
  );
}

/** Numbers with or without what parts their thousands. */
export function isTyped(typed: string, wanted: string): boolean {
  const bare = (text: string) => (/^[\d.,'\s]+$/.test(text) ? text.replaceAll(/\D/g, "") : text.trim());
  return wanted !== "" && bare(typed).toLowerCase() === bare(wanted).toLowerCase();
}
