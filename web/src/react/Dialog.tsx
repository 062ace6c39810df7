/** Modal dialogs: the browser's own, which keeps the focus in, the rest out, and closes on Escape. */

import { type KeyboardEvent, type ReactNode, useId, useLayoutEffect, useRef } from "react";
import { useShared } from "./context";
import { Icon, type IconName } from "./Icon";

export interface DialogProps {
  title: ReactNode;
  children?: ReactNode;
  /** It interrupts: role `alertdialog`. */
  alert?: boolean;
  icon?: IconName;
  /** Escape, and whatever else the browser closes dialogs with. */
  onClose: () => void;
  onKeyDown?: (event: KeyboardEvent) => void;
}

/** Open while it is there; the focus goes to what has `data-first`, and back when it is gone. */
export function Dialog(props: DialogProps): ReactNode {
  const { slots } = useShared();
  return slots.Dialog ? <slots.Dialog {...props} /> : <NativeDialog {...props} />;
}

function NativeDialog({ title, children, alert, icon, onClose, onKeyDown }: DialogProps): ReactNode {
  const { cx } = useShared();
  const dialog = useModal();
  const id = useId();
  const keyDown = (event: KeyboardEvent) => {
    // Where there is no showModal there is no "cancel" either.
    if (event.key === "Escape" && !dialog.current?.showModal) onClose();
    onKeyDown?.(event);
  };
  return (
    <dialog
      ref={dialog}
      className={cx("dialog")}
      role={alert ? "alertdialog" : undefined}
      aria-labelledby={id}
      aria-describedby={`${id}text`}
      onKeyDown={keyDown}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClose={(event) => event.currentTarget.isConnected && onClose()}
    >
      <h2 id={id} className={cx("dialogTitle")}>
        {icon && <Icon name={icon} />}
        {title}
      </h2>
      <div id={`${id}text`}>{children}</div>
    </dialog>
  );
}

/** Before the paint, and closed before it is taken out: only then does the browser give the focus back. */
function useModal() {
  const ref = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const dialog = ref.current;
    if (!dialog) return;
    const before = document.activeElement as HTMLElement | null;
    if (dialog.showModal) dialog.showModal();
    else dialog.setAttribute("open", "");
    dialog.querySelector<HTMLElement>("[data-first]")?.focus();
    return () => {
      dialog.close?.();
      if (before?.isConnected) before.focus();
    };
  }, []);
  return ref;
}
