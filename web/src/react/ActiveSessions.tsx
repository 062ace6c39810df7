/** "Active sessions": where one is signed in, and the way out of each. */

import { type ReactNode, useId, useRef, useState } from "react";
import type { ListFilter } from "../client/types";
import { Buttons } from "./act";
import { Button } from "./Button";
import { useShared } from "./context";
import type { Group } from "./devices";
import { Icon } from "./Icon";
import { later } from "./later";
import { DateTime } from "./RelativeTime";
import { SessionRow } from "./SessionRow";
import { Skeleton } from "./Skeleton";
import { useSessionState } from "./session";
import { Trouble } from "./Trouble";
import { type Devices, useDevices } from "./useDevices";

const NotMeDialog = later("dialogs", "NotMeDialog");
const SignOutOthers = later("dialogs", "SignOutOthers");
const Tips = later("cards", "Tips");
const Upkeep = later("cards", "Upkeep");

export interface ActiveSessionsProps {
  /** Only those of an application or a tenant. */
  filter?: ListFilter;
  /** What to call applications and tenants, by id. */
  names?: Record<string, string>;
  /** Where passwords are changed. Default "/account/password". */
  passwordUrl?: string;
  /** Default true. */
  tips?: boolean;
}

export function ActiveSessions({
  filter,
  names = {},
  passwordUrl = "/account/password",
  tips = true,
}: ActiveSessionsProps): ReactNode {
  const { cx } = useShared();
  const id = useId();
  const offlineId = `${id}offline`;
  const list = useDevices(filter);
  const section = useRef<HTMLElement>(null);
  const [doubted, doubt] = useState<Group>();
  return (
    <>
      <section className={cx("card")} aria-labelledby={id} ref={section}>
        <Head list={list} id={id} why={offlineId} />
        <Offline id={offlineId} />
        <Trouble query={list.query} />
        <Upkeep section={section} list={list} />
        <div ref={list.inside}>
          <List list={list} names={names} doubt={doubt} why={offlineId} />
        </div>
        {/* Not in its line, which goes away while there is still something to say. */}
        {doubted && (
          <NotMeDialog
            group={doubted}
            list={list}
            passwordUrl={passwordUrl}
            onClose={() => doubt(undefined)}
          />
        )}
      </section>
      {tips && <Tips list={list} passwordUrl={passwordUrl} why={offlineId} />}
    </>
  );
}

function Head({ list, id, why }: { list: Devices; id: string; why: string }): ReactNode {
  const { cx, say, t } = useShared();
  const { query, live } = list;
  return (
    <div className={cx("head")}>
      <div>
        <h2 id={id} tabIndex={-1}>
          {t("sessions.title")}
        </h2>
        {query.data && (
          <p className={cx("fine")}>
            {t("sessions.devices", { count: live.length })} ·{" "}
            {say("sessions.updated", { time: <DateTime at={query.dataUpdatedAt} clock /> })}
          </p>
        )}
      </div>
      <Buttons>
        <Button off={query.isFetching} onClick={() => query.refetch()}>
          <span className={cx("either")}>
            <span aria-hidden={query.isFetching}>
              <Icon name="refresh" />
              {t("sessions.refresh")}
            </span>
            <span aria-hidden={!query.isFetching}>
              <Icon name="refresh" />
              {t("sessions.refreshing")}
            </span>
          </span>
        </Button>
        {live.some((group) => !group.current) && <Others list={list} why={why} />}
      </Buttons>
    </div>
  );
}

function Others({ list, why }: { list: Devices; why: string }): ReactNode {
  const { t } = useShared();
  const { online } = useSessionState();
  const [asked, ask] = useState<string[]>();
  const others = list.live.filter((group) => !group.current).map((group) => group.key);
  return (
    <>
      <Button tone="danger" off={!online} why={why} onClick={() => ask(others)}>
        {t("others.button")}
      </Button>
      {asked && <SignOutOthers keys={asked} list={list} onClose={() => ask(undefined)} />}
    </>
  );
}

function Offline({ id }: { id: string }): ReactNode {
  const { cx, t } = useShared();
  const { online } = useSessionState();
  return online ? null : (
    <p id={id} role="status" className={cx("notice", "warn")}>
      <Icon name="offline" />
      {t("sessions.offline")}
    </p>
  );
}

interface ListProps {
  list: Devices;
  names: Record<string, string>;
  doubt: (group: Group) => void;
  why: string;
}

function List({ list, names, doubt, why }: ListProps): ReactNode {
  const { cx, t } = useShared();
  const { status } = useSessionState();
  const { query, groups } = list;
  if (!query.data && !groups.length) {
    if (status === "expired" || status === "signedOut") return <p>{t("expired.bar")}</p>;
    return query.isError ? null : <Skeleton />;
  }
  return (
    <>
      {groups.length > 0 && (
        <ul className={cx("rows")}>
          {groups.map((group) => (
            <SessionRow key={group.key} {...{ group, list, names, doubt, why }} />
          ))}
        </ul>
      )}
      {!groups.length && <p>{t("sessions.empty")}</p>}
      {groups.length === 1 && groups[0]?.current && <p className={cx("fine")}>{t("sessions.only")}</p>}
    </>
  );
}
