/** One device in the list: what it is, and the way out of it. */

import { type ReactNode, useState } from "react";
import type { SessionRow as Row } from "../client/types";
import { Button } from "./Button";
import { useShared } from "./context";
import { type Group, place, software, title } from "./devices";
import { Icon } from "./Icon";
import { Line } from "./Line";
import { later } from "./later";
import { DateTime, RelativeTime } from "./RelativeTime";
import { useSession, useSessionState } from "./session";
import type { Devices } from "./useDevices";

const AskSignOut = later("dialogs", "AskSignOut");
const Details = later("cards", "Details");
const Failure = later("cards", "Failure");
const Undo = later("cards", "Undo");

const DAY = 86_400_000;

export interface RowProps {
  group: Group;
  list: Devices;
  names: Record<string, string>;
  /** Asks what to do about a device that nobody knows. */
  doubt: (group: Group) => void;
  /** The id of the text that says why nothing can be done now. */
  why: string;
}

export function SessionRow(props: RowProps): ReactNode {
  const { group, list, names } = props;
  const { cx, t } = useShared();
  const { row } = group;
  return (
    <li className={cx("row", group.gone && "gone")}>
      <Icon name={row.device.kind} />
      <div className={cx("what")}>
        <p className={cx("name")}>
          <span className={cx("unseen")}>{t(`kind.${row.device.kind}`)}: </span>
          <bdi>{title(row.device)}</bdi>
          <Badges row={row} />
        </p>
        {group.gone ? (
          <p className={cx("facts")}>{t("row.signedOut")}</p>
        ) : (
          <>
            <Facts row={row} names={names} />
            <Activity row={row} />
            <details className={cx("details")}>
              <summary>{t("details.title")}</summary>
              <Details {...props} />
            </details>
          </>
        )}
        {group.holds.length > 0 && <Failure holds={group.holds} list={list} />}
      </div>
      {group.gone ? <Undo holds={group.holds} list={list} /> : !group.current && <Acts {...props} />}
    </li>
  );
}

function Badges({ row }: { row: Row }): ReactNode {
  const { client, cx, t } = useShared();
  const badges = [
    row.current && (["current", t("row.current")] as const),
    !row.current && client.now() - Date.parse(row.created_at) < DAY && (["new", t("row.new")] as const),
    row.remember && (["remembered", t("row.remembered")] as const),
    row.impersonated && (["support", t("row.support")] as const),
  ];
  return badges.map(
    (badge) =>
      badge && [
        // A space between them, for those who hear or copy them.
        " ",
        <span key="badge" className={cx("badge", badge[0])}>
          {badge[1]}
        </span>,
      ],
  );
}

/** In the order of the page that the server renders, which these lines may take the place of. */
function Facts({ row, names }: { row: Row; names: Record<string, string> }): ReactNode {
  const { say, t } = useShared();
  const { application_id: app, tenant_id: tenant } = row;
  const runs = software(row.device);
  const where = place(row);
  return (
    <Line
      facts={[
        runs && <bdi>{runs}</bdi>,
        app && say("row.in", { name: names[app] ?? app }),
        tenant && say("row.for", { name: names[tenant] ?? tenant }),
        where ? say("row.place", { place: where }) : t("row.noPlace"),
        <bdi key="ip">{row.ip ?? t("row.noAddress")}</bdi>,
      ]}
    />
  );
}

export function Activity({ row }: { row: Row }): ReactNode {
  const { say } = useShared();
  return (
    <Line
      facts={[
        say("row.signedIn", { date: <DateTime at={row.created_at} /> }),
        <RelativeTime key="seen" at={row.seen_at} as="active" />,
        <RelativeTime key="ends" at={row.expires_at} as="expires" />,
      ]}
    />
  );
}

function Acts({ group, list, doubt, why }: RowProps): ReactNode {
  const { cx, t } = useShared();
  const { online } = useSessionState();
  const device = title(group.row.device);
  return (
    <div className={cx("acts")}>
      <Button off={!online} why={why} label={t("row.notMeOf", { device })} onClick={() => doubt(group)}>
        {t("row.notMe")}
      </Button>
      <SignOut rows={group.rows} list={list} why={why} />
    </div>
  );
}

/** At once where that can be undone; else it asks first. */
export function SignOut({ rows, list, why }: { rows: Row[]; list: Devices; why: string }): ReactNode {
  const { t } = useShared();
  const { online } = useSessionState();
  const { limits, refetch } = useSession();
  const [asked, ask] = useState(false);
  const device = title((rows[0] as Row).device);
  const act = () => Promise.all(rows.map((row) => list.query.hold(row)));
  const press = async () => {
    // The list may be there before that is known.
    const known = limits ?? (await refetch({ cancelRefetch: false })).data?.limits;
    known?.undo_for ? void act() : ask(true);
  };
  return (
    <>
      <Button off={!online} why={why} label={t("row.signOutOf", { device })} onClick={press}>
        {t("row.signOut")}
      </Button>
      {asked && <AskSignOut device={device} act={async () => void act()} onClose={() => ask(false)} />}
    </>
  );
}
