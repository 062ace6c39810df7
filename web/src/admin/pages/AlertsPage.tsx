/** Alerts: what is open, and what was. */

import type { ReactNode } from "react";
import { useShared } from "../../react/context";
import { changed, move, useParams } from "../address";
import { AlertList } from "../parts/AlertList";
import { Pager } from "../parts/Pager";

const STATES: [string, string][] = [
  ["", "Open"],
  ["acknowledged", "Acknowledged"],
  ["resolved", "Resolved"],
  ["all", "All"],
];

export function AlertsPage(): ReactNode {
  const { cx } = useShared();
  const params = useParams();
  const state = params.get("state") ?? "";
  const after = params.get("after") ?? undefined;
  return (
    <>
      <h1>Alerts</h1>
      <nav className={cx("tabs")} aria-label="Alerts by state">
        {STATES.map(([code, words]) => (
          <a
            key={code}
            href={`${location.pathname}${changed(location.search, { state: code, after: null })}`}
            aria-current={state === code ? "true" : undefined}
            onClick={(event) => {
              if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
              event.preventDefault();
              move({ state: code, after: null });
            }}
          >
            {words}
          </a>
        ))}
      </nav>
      <AlertList state={state || "open"} after={after}>
        {(found) => <Pager next={found?.next ?? null} after={after ?? null} />}
      </AlertList>
    </>
  );
}
