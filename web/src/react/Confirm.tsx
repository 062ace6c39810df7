/** Asks before something is done. */

import type { ReactNode } from "react";
import { ActForm } from "./ActForm";
import { Dialog } from "./Dialog";

export interface ConfirmProps {
  title: ReactNode;
  children?: ReactNode;
  /** What the button says that does it. */
  yes: string;
  /** What it throws is said in the dialog, which closes when it is done. */
  act: () => Promise<unknown>;
  onClose: () => void;
}

export function Confirm({ title, children, yes, act, onClose }: ConfirmProps): ReactNode {
  return (
    <Dialog title={title} onClose={onClose}>
      <ActForm act={act} done={onClose} yes={yes} tone="danger" onCancel={onClose}>
        {children}
      </ActForm>
    </Dialog>
  );
}
