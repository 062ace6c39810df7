/** "Not me?": ends a device that one does not know, at once, and says what to do next. */

import { type ReactNode, useRef, useState } from "react";
import { ActForm } from "./ActForm";
import { Buttons } from "./act";
import { Button } from "./Button";
import { useShared } from "./context";
import { Dialog } from "./Dialog";
import { type Group, title } from "./devices";
import type { Devices } from "./useDevices";

export interface NotMeDialogProps {
  group: Group;
  list: Devices;
  passwordUrl: string;
  onClose: () => void;
}

export function NotMeDialog(props: NotMeDialogProps): ReactNode {
  const { t } = useShared();
  const [done, setDone] = useState(false);
  return (
    <Dialog title={t("notMe.title")} icon="shield" onClose={props.onClose}>
      {done ? <Done {...props} /> : <Doubt {...props} done={() => setDone(true)} />}
    </Dialog>
  );
}

function Doubt({
  group,
  list,
  passwordUrl,
  onClose,
  done,
}: NotMeDialogProps & { done: () => void }): ReactNode {
  const { cx, t } = useShared();
  const others = useRef<HTMLInputElement>(null);
  const act = () => list.query.report(group.row.id, { others: others.current?.checked });
  const says = { yes: t("notMe.secure"), no: t("notMe.keep") };
  return (
    <ActForm act={act} done={done} onCancel={onClose} tone="danger" {...says}>
      <p>
        <bdi>{title(group.row.device)}</bdi>
      </p>
      <ol>
        <li>{t("notMe.now")}</li>
        <li>
          <label className={cx("choice")}>
            <input ref={others} type="checkbox" />
            {t("notMe.others")}
          </label>
        </li>
        <li>
          <a href={passwordUrl}>{t("notMe.password")}</a>
        </li>
      </ol>
    </ActForm>
  );
}

function Done({ group, passwordUrl, onClose }: NotMeDialogProps): ReactNode {
  const { cx, say, t } = useShared();
  return (
    <>
      <p role="status">{say("notMe.done", { device: title(group.row.device) })}</p>
      <Buttons>
        <a className={cx("button", "main")} href={passwordUrl}>
          {t("notMe.password")}
        </a>
        <Button onClick={onClose}>{t("common.close")}</Button>
      </Buttons>
    </>
  );
}
