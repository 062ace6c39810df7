/** Above every page for administrators: where one can go, and how fresh what one sees is. */

import type { ReactNode } from "react";
import { useShared } from "../../react/context";
import { useStore } from "../../react/store";
import { move, useParams } from "../address";
import { useAdmin, useHref, useZone } from "../context";
import { LIVE, useStale, useStats } from "../data";
import type { PageName } from "../wire";
import { clockTime, number, ownZone } from "../words";
import { Keys } from "./Keys";

const PLACES: [PageName[], string, string][] = [
  [["overview"], "/admin", "Overview"],
  [["sessions"], "/admin/sessions", "Sessions"],
  [["users", "user"], "/admin/users", "Users"],
  [["alerts"], "/admin/alerts", "Alerts"],
  [["revoke", "everyone"], "/admin/revoke", "Revoke"],
];

export function Bar(): ReactNode {
  const { cx } = useShared();
  return (
    <div className={cx("adminBar")}>
      <Places />
      <Live />
      <Choices />
    </div>
  );
}

function Places(): ReactNode {
  const { cx } = useShared();
  const { boot } = useAdmin();
  const href = useHref();
  const open = useStats().data?.alerts_open ?? 0;
  return (
    <nav aria-label="Administration">
      <ul>
        {PLACES.map(([pages, path, words]) => (
          <li key={path}>
            <a href={href(path)} aria-current={pages.includes(boot.page) ? "page" : undefined}>
              {words}
              {path === "/admin/alerts" && open > 0 && (
                <span className={cx("number")}>
                  {number(open)}
                  <span className={cx("unseen")}> open</span>
                </span>
              )}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Live(): ReactNode {
  const { cx } = useShared();
  const { paused } = useAdmin();
  const held = useStore(paused);
  const zone = useZone();
  const { dataUpdatedAt: at } = useStats();
  const stale = useStale(at);
  const state = held ? "paused" : stale ? "stale" : "live";
  return (
    <p className={cx("live", state)}>
      <span className={cx("dot")} aria-hidden="true" />
      <span>
        {{ paused: "Paused", stale: "Stale", live: `Live, every ${LIVE / 1000} s` }[state]}
        {at > 0 && <span className={cx("muted")}> · Last updated {clockTime(at, zone)}</span>}
      </span>
      <button
        type="button"
        className={cx("button", "small")}
        aria-pressed={held}
        onClick={() => paused.set(!held)}
      >
        Pause
      </button>
    </p>
  );
}

function Choices(): ReactNode {
  const { cx } = useShared();
  const params = useParams();
  return (
    <details className={cx("choices")}>
      <summary>Settings</summary>
      <div>
        <label className={cx("field")}>
          Times in
          <select
            value={params.get("zone") ?? ""}
            onChange={(event) => move({ zone: event.currentTarget.value })}
          >
            <option value="">{`My time zone (${ownZone()})`}</option>
            <option value="utc">UTC</option>
          </select>
        </label>
        <Keys />
      </div>
    </details>
  );
}
