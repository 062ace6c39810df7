/** The numbers that matter now. */

import type { ReactNode } from "react";
import { useShared } from "../../react/context";
import { useStore } from "../../react/store";
import { CardFailure, Waiting } from "../charts/Card";
import { useAdmin, useHref } from "../context";
import { type Asked, useStale, useStats } from "../data";
import { changeOf } from "../sums";
import type { Stats } from "../wire";
import { counted, decimal, number, percent } from "../words";

export function Tiles(): ReactNode {
  const { cx } = useShared();
  const stats = useStats();
  if (!stats.data) {
    return stats.error ? <CardFailure queries={[stats]} what="summary" /> : <Blank />;
  }
  return (
    <>
      <CardFailure queries={[stats]} what="summary" />
      <ul className={cx("tiles")} aria-label="Now">
        <Online stats={stats} data={stats.data} />
        <People data={stats.data} />
        <Refreshes data={stats.data} />
        <Today data={stats.data} />
      </ul>
    </>
  );
}

function Blank(): ReactNode {
  const { cx } = useShared();
  return (
    <div className={cx("tiles")}>
      {["sessions", "users", "refresh", "today"].map((name) => (
        <div key={name} className={cx("card", "tile")}>
          <Waiting small />
        </div>
      ))}
    </div>
  );
}

interface TileProps {
  title: string;
  value: ReactNode;
  children?: ReactNode;
  href?: string;
  kind?: string;
}

function Tile({ title, value, children, href, kind }: TileProps): ReactNode {
  const { cx } = useShared();
  return (
    <li className={cx("card", "tile", kind)}>
      <h2>{href ? <a href={href}>{title}</a> : title}</h2>
      <p className={cx("figure")}>{value}</p>
      <p className={cx("fine")}>{children}</p>
    </li>
  );
}

const about = (stats: Stats, ...names: string[]): string =>
  names.some((name) => stats.approximate.includes(name)) ? "about " : "";

function Online({ stats, data }: { stats: Asked<Stats>; data: Stats }): ReactNode {
  const { cx } = useShared();
  const { paused } = useAdmin();
  const href = useHref();
  const old = useStale(stats.dataUpdatedAt);
  const still = useStore(paused) || old;
  return (
    <Tile
      title="Active sessions"
      href={href("/admin/sessions")}
      kind={still ? "still" : "online"}
      value={about(data, "sessions") + number(data.sessions)}
    >
      <span className={cx("dot")} aria-hidden="true" /> Currently logged in{old && " · Stale"}
    </Tile>
  );
}

function People({ data }: { data: Stats }): ReactNode {
  const href = useHref();
  return (
    <Tile title="Users online" href={href("/admin/users")} value={about(data, "users") + number(data.users)}>
      {data.devices_each !== null &&
        `${about(data, "devices_each")}${decimal(data.devices_each)} devices each · `}
      {counted(data.accounts, "account")}
    </Tile>
  );
}

function Refreshes({ data: { refresh } }: { data: Stats }): ReactNode {
  const all = refresh ? refresh.succeeded + refresh.failed : 0;
  return (
    <Tile title="Refresh success" value={refresh && all ? percent((100 * refresh.succeeded) / all) : "–"}>
      {refresh && all ? `${number(refresh.failed)} failed of ${number(all)}, today` : "None today"}
    </Tile>
  );
}

function Today({ data }: { data: Stats }): ReactNode {
  const { cx } = useShared();
  const change = changeOf(data.created_today, data.created_before);
  const arrow = change === null || change === 0 ? "" : change > 0 ? "▲" : "▼";
  return (
    <Tile
      title="New today"
      value={
        <>
          {data.created_today === null ? "–" : number(data.created_today)}
          {change !== null && (
            <span className={cx("change")}>
              <span aria-hidden="true">{arrow}</span> {Math.abs(change)} %
              <span className={cx("unseen")}>
                {change < 0 ? " fewer" : " more"} than until this time yesterday
              </span>
            </span>
          )}
        </>
      }
    >
      {[
        data.ended_today !== null && `${number(data.ended_today)} ended`,
        data.revoked_today !== null && `${number(data.revoked_today)} revoked`,
      ]
        .filter(Boolean)
        .join(" · ")}
    </Tile>
  );
}
