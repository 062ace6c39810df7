/** Doing one thing at a time, its buttons, and what went wrong. */

import { type ReactNode, useRef, useState } from "react";
import { useShared } from "./context";
import { codeOf, sentence } from "./errors";

export interface Act {
  busy: boolean;
  error: unknown;
  run: () => Promise<void>;
}

/** Runs *act* once at a time; `aborted` is no error, and nothing is done. */
export function useAct(act: () => Promise<unknown>, done: () => void = () => {}): Act {
  const [state, setState] = useState<{ busy: boolean; error?: unknown }>({ busy: false });
  const running = useRef(false);
  const run = async () => {
    if (running.current) return;
    running.current = true;
    setState({ busy: true });
    try {
      await act();
      setState({ busy: false });
      done();
    } catch (error) {
      setState({ busy: false, error: codeOf(error) === "aborted" ? undefined : error });
    } finally {
      running.current = false;
    }
  };
  return { busy: state.busy, error: state.error, run };
}

export function Buttons({ children }: { children: ReactNode }): ReactNode {
  const { cx } = useShared();
  return <div className={cx("acts")}>{children}</div>;
}

/** What went wrong, where it did; nothing if nothing did. */
export function Problem({ error, children }: { error: unknown; children?: ReactNode }): ReactNode {
  const { cx, t } = useShared();
  if (!error) return null;
  return (
    <div className={cx("notice", "bad")} role="alert">
      {sentence(t, error)} {children}
    </div>
  );
}
