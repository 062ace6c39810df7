/** A form that does one thing: once at a time, with what went wrong in it. */

import type { FormEvent, KeyboardEvent, ReactNode } from "react";
import { Buttons, Problem, useAct } from "./act";
import { Button } from "./Button";
import { useShared } from "./context";

export interface ActFormProps {
  children?: ReactNode;
  act: () => Promise<unknown>;
  done?: () => void;
  /** What the button says that does it. */
  yes: string;
  tone?: "main" | "quiet" | "danger";
  /** The way out; if the act is dangerous it comes first, and has the focus. */
  no?: string;
  onCancel?: () => void;
  onKeyDown?: (event: KeyboardEvent) => void;
}

export function ActForm({
  children,
  act,
  done,
  yes,
  tone = "main",
  no,
  onCancel,
  onKeyDown,
}: ActFormProps): ReactNode {
  const { t } = useShared();
  const { busy, error, run } = useAct(act, done);
  const dangerous = tone === "danger";
  const submit = (event: FormEvent) => {
    event.preventDefault();
    run();
  };
  const out = onCancel && (
    <Button first={dangerous} onClick={onCancel}>
      {no ?? t("common.cancel")}
    </Button>
  );
  return (
    <form onSubmit={submit} onKeyDown={onKeyDown}>
      {children}
      <Problem error={error} />
      <Buttons>
        {dangerous && out}
        <Button tone={tone} submit off={busy}>
          {yes}
        </Button>
        {!dangerous && out}
      </Buttons>
    </form>
  );
}
