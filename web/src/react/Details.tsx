/** Why one sees a device: how it was signed in, what runs there, and what it is called. */

import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import type { SessionRow as Row } from "../client/types";
import { ActForm } from "./ActForm";
import { Button } from "./Button";
import { useShared } from "./context";
import { isOut, title } from "./devices";
import { Failure } from "./Failure";
import { Line } from "./Line";
import type { MessageKey } from "./messages";
import { Activity, type RowProps, SignOut } from "./SessionRow";
import { useSessionState } from "./session";
import { Undo } from "./Undo";

const METHODS: Record<string, MessageKey> = {
  pwd: "method.pwd",
  otp: "method.otp",
  mfa: "method.mfa",
  hwk: "method.key",
  swk: "method.key",
  pop: "method.key",
  fed: "method.fed",
};

export function Details(props: RowProps): ReactNode {
  const { cx, t } = useShared();
  const { row, rows } = props.group;
  const { browser, browser_version, os, os_version } = row.device;
  const runs = [browser, browser_version, os && "·", os, os_version].filter(Boolean).join(" ");
  return (
    <>
      <dl>
        {row.amr.length > 0 && <Fact name="details.method">{methods(row.amr, t)}</Fact>}
        {runs && (
          <Fact name="details.software">
            <bdi>{runs}</bdi>
          </Fact>
        )}
        {rows.length > 1 && <Fact name="details.sessions">{rows.length}</Fact>}
      </dl>
      {rows.length > 1 && <Sessions {...props} />}
      <Rename {...props} />
      <p className={cx("fine")}>{t("details.place")}</p>
    </>
  );
}

function methods(amr: string[], t: (key: MessageKey) => string): string {
  const named = amr.map((name) => (METHODS[name] ? t(METHODS[name]) : name));
  return [...new Set(named)].join(", ");
}

function Fact({ name, children }: { name: MessageKey; children: ReactNode }): ReactNode {
  const { t } = useShared();
  return (
    <>
      <dt>{t(name)}</dt>
      <dd>{children}</dd>
    </>
  );
}

/** Each session of a device that has several; the one at hand is signed out elsewhere. */
function Sessions({ group, list, names, why }: RowProps): ReactNode {
  const { cx, say } = useShared();
  const line = (row: Row) => {
    const holds = group.holds.filter((hold) => hold.row.id === row.id);
    const out = holds.some(isOut);
    const app = row.application_id;
    return (
      <li key={row.id}>
        <div className={cx("what")}>
          {app && <Line facts={[say("row.in", { name: names[app] ?? app })]} />}
          <Activity row={row} />
          {out && <Failure holds={holds} list={list} />}
        </div>
        {out ? (
          <Undo holds={holds} list={list} />
        ) : (
          !row.current && <SignOut rows={[row]} list={list} why={why} />
        )}
      </li>
    );
  };
  return <ul className={cx("rows", "several")}>{group.rows.map(line)}</ul>;
}

function Rename({ group, list, why }: RowProps): ReactNode {
  const { t } = useShared();
  const { online } = useSessionState();
  const [open, setOpen] = useState(false);
  const close = () => setOpen(false);
  if (open) return <NameForm {...{ group, list, close }} />;
  return (
    <Button off={!online} why={why} onClick={() => setOpen(true)}>
      {t("details.rename")}
    </Button>
  );
}

type NameFormProps = Pick<RowProps, "group" | "list"> & { close: () => void };

function NameForm({ group, list, close }: NameFormProps): ReactNode {
  const { cx, t } = useShared();
  const field = useRef<HTMLInputElement>(null);
  const { device, id } = group.row;
  const act = () => list.query.rename(id, field.current?.value.trim() || null);
  useEffect(() => field.current?.focus(), []);
  const keyDown = (event: KeyboardEvent) => event.key === "Escape" && close();
  const usual = title({ ...device, custom_name: null });
  return (
    <ActForm act={act} done={close} yes={t("preferences.save")} onCancel={close} onKeyDown={keyDown}>
      <label className={cx("field")}>
        {t("details.name")}
        <input ref={field} maxLength={60} defaultValue={device.custom_name ?? ""} placeholder={usual} />
        <small>{t("details.nameRule")}</small>
      </label>
    </ActForm>
  );
}
