/** Buttons that stay reachable while they cannot be used, and say why. */

import type { MouseEvent, ReactNode } from "react";
import { useShared } from "./context";

export interface ButtonProps {
  children?: ReactNode;
  tone?: "main" | "quiet" | "danger" | "plain";
  /** The whole name, where what is written alone does not say of what. */
  label?: string;
  /** Cannot be used now. Never `disabled`, which would take the focus away. */
  off?: boolean;
  /** The id of the text that says why. */
  why?: string;
  submit?: boolean;
  /** Where a dialog begins. */
  first?: boolean;
  onClick?: () => void;
}

export function Button(props: ButtonProps): ReactNode {
  const { cx, slots } = useShared();
  if (slots.Button) return <slots.Button {...props} />;
  const { children, tone = "quiet", label, off, why, submit, first, onClick } = props;
  const click = (event: MouseEvent) => (off ? event.preventDefault() : onClick?.());
  return (
    <button
      type={submit ? "submit" : "button"}
      className={cx("button", tone)}
      aria-label={label}
      aria-disabled={off || undefined}
      aria-describedby={off ? why : undefined}
      data-first={first || undefined}
      onClick={click}
    >
      {children}
    </button>
  );
}
