/** What an administrator should look at; each line can be taken on, and settled. */

import { type ReactNode, useId } from "react";
import { Problem, useAct } from "../../react/act";
import { Button } from "../../react/Button";
import { useShared } from "../../react/context";
import { Line } from "../../react/Line";
import { CardFailure, Waiting } from "../charts/Card";
import { useHref } from "../context";
import { type Asked, useAlerts, useChange } from "../data";
import type { Alert, Alerts, Severity } from "../wire";
import { counted, number, spelled } from "../words";
import { When } from "./When";

const LEVELS: Record<Severity, string> = { high: "High", medium: "Medium", low: "Low" };

export interface AlertListProps {
  /** The newest of the open ones, and where the rest is. */
  brief?: boolean;
  state?: string;
  after?: string;
  children?: (found: Alerts | undefined) => ReactNode;
}

export function AlertList({ brief, state = "open", after, children }: AlertListProps): ReactNode {
  const { cx } = useShared();
  const href = useHref();
  const id = useId();
  const query = useAlerts(state, after);
  const { data } = query;
  if (brief && data && !data.alerts.length) return null; // no news is no card of its own
  return (
    <section className={cx("card", "alerts")} aria-labelledby={id}>
      <div className={cx("head")}>
        <h2 id={id}>{brief ? "Open alerts" : "Alerts"}</h2>
        {brief && (
          <a href={href("/admin/alerts")}>{data ? `All ${number(data.open)} open alerts` : "All alerts"}</a>
        )}
      </div>
      <CardFailure queries={[query]} what="list" />
      <Listed query={query} state={state} brief={brief} />
      {children?.(data)}
    </section>
  );
}

const BRIEF = 3;
const ORDER: Severity[] = ["high", "medium", "low"];

/** The worst ones, the latest of them first. */
export function worst(alerts: Alert[]): Alert[] {
  const rank = ({ severity }: Alert) => ORDER.indexOf(severity);
  return [...alerts].sort((a, b) => rank(a) - rank(b)).slice(0, BRIEF);
}

interface ListedProps {
  query: Asked<Alerts>;
  state: string;
  brief?: boolean;
}

function Listed({ query: { data, error }, state, brief }: ListedProps): ReactNode {
  const { cx } = useShared();
  if (!data) return error ? null : <Waiting small />;
  if (!data.alerts.length) {
    return <p className={cx("empty")}>{state === "open" ? "No open alerts." : "No alerts."}</p>;
  }
  return (
    <ul className={cx("rows")}>
      {(brief ? worst(data.alerts) : data.alerts).map((alert) => (
        <AlertRow key={alert.id} alert={alert} />
      ))}
    </ul>
  );
}

function AlertRow({ alert }: { alert: Alert }): ReactNode {
  const { cx } = useShared();
  return (
    <li className={cx("alert", alert.severity)}>
      <Mark severity={alert.severity} />
      <div className={cx("what")}>
        <h3 className={cx("name")}>
          <bdi>{alert.title}</bdi>
        </h3>
        <Line
          facts={[
            LEVELS[alert.severity],
            spelled(alert.rule),
            <When key="at" at={alert.last_at} />,
            alert.count > 1 && counted(alert.count, "time"),
          ]}
        />
        {alert.factors.length > 0 && <Factors alert={alert} />}
        <Taken alert={alert} />
      </div>
      <AlertActs alert={alert} />
    </li>
  );
}

/** A form of its own for each level: colour alone says nothing to many. */
function Mark({ severity }: { severity: Severity }): ReactNode {
  const { cx } = useShared();
  const paths = {
    high: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20z",
    medium: "M12 3 22.5 21h-21z",
    low: "M4 4h16v16H4z",
  };
  return (
    <svg className={cx("mark", severity)} viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
      <path d={paths[severity]} />
    </svg>
  );
}

function Factors({ alert }: { alert: Alert }): ReactNode {
  const { cx } = useShared();
  return (
    <details className={cx("details")}>
      <summary>
        Why<span className={cx("unseen")}>: {alert.title}</span>
      </summary>
      <ul className={cx("tips")}>
        {alert.factors.map((factor) => (
          <li key={factor}>
            <bdi>{factor}</bdi>
          </li>
        ))}
      </ul>
    </details>
  );
}

function Taken({ alert }: { alert: Alert }): ReactNode {
  const { cx } = useShared();
  if (alert.state === "open") return null;
  const by = alert.state === "resolved" ? alert.resolved_by : alert.acknowledged_by;
  return (
    <p className={cx("fine")}>
      {alert.state === "resolved" ? "Resolved" : "Acknowledged"}
      {by && (
        <>
          {" by "}
          <bdi>{by}</bdi>
        </>
      )}
    </p>
  );
}

function AlertActs({ alert }: { alert: Alert }): ReactNode {
  const { cx } = useShared();
  const href = useHref();
  const change = useChange();
  const path = `/alerts/${encodeURIComponent(alert.id)}`;
  const acknowledge = useAct(() => change(`${path}/acknowledge`));
  const resolve = useAct(() => change(`${path}/resolve`));
  const of = (words: string) => `${words}: ${alert.title}`;
  return (
    <div className={cx("acts")}>
      {alert.user_id && (
        <a
          className={cx("button", "quiet")}
          aria-label={of("Open user")}
          href={href(`/admin/users/${encodeURIComponent(alert.user_id)}`)}
        >
          Open user
        </a>
      )}
      {!alert.user_id && alert.session_id && (
        <a
          className={cx("button", "quiet")}
          aria-label={of("Open session")}
          href={href("/admin/sessions", { q: alert.session_id, state: "all" })}
        >
          Open session
        </a>
      )}
      {alert.state === "open" && (
        <Button label={of("Acknowledge")} off={acknowledge.busy} onClick={() => void acknowledge.run()}>
          Acknowledge
        </Button>
      )}
      {alert.state === "acknowledged" && (
        <Button label={of("Resolve")} off={resolve.busy} onClick={() => void resolve.run()}>
          Resolve
        </Button>
      )}
      <Problem error={acknowledge.error ?? resolve.error} />
    </div>
  );
}
