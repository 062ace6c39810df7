/** Everybody's sessions: found, looked at, and revoked. */

import { type ReactNode, useState } from "react";
import { Button } from "../../react/Button";
import { useShared } from "../../react/context";
import { useKeptFocus } from "../../react/useKeptFocus";
import { move, useParams } from "../address";
import { CardFailure, Waiting } from "../charts/Card";
import { useHref } from "../context";
import { useFound } from "../data";
import { Filters } from "../parts/Filters";
import { JobStatus } from "../parts/JobStatus";
import { Pager } from "../parts/Pager";
import { RevokeDialog } from "../parts/RevokeDialog";
import { isLive, SessionsTable } from "../parts/SessionsTable";
import { FILTERS, whereOf } from "../search";
import type { AdminRow, Found, Job, Where } from "../wire";
import { counted, number } from "../words";

const NONE = Object.fromEntries([...FILTERS, "after"].map((name) => [name, null]));

export function SessionsPage(): ReactNode {
  const { cx } = useShared();
  const params = useParams();
  const where = whereOf(params);
  const after = params.get("after");
  const query = useFound(where, after ?? undefined);
  const [asked, ask] = useState<AdminRow[] | null>(null);
  const [job, setJob] = useState<Job | null>(null);
  const place = useKeptFocus();
  const { data } = query;
  return (
    <>
      <h1>Sessions</h1>
      <section ref={place} className={cx("card")} aria-label="Sessions">
        <Filters params={params} />
        <CardFailure queries={[query]} what="list" />
        <p className={cx("fine", "found")} role="status" tabIndex={-1}>
          {data && !query.isPlaceholderData && foundWords(data)}
        </p>
        {job && <JobStatus key={job.id} id={job.id} known={job} onClose={() => setJob(null)} />}
        {!data && !query.error && <Waiting />}
        {data?.sessions.length === 0 && <Nothing where={where} />}
        {data && data.sessions.length > 0 && (
          <Chosen found={data} old={query.isPlaceholderData} where={where} ask={ask} />
        )}
        <Pager next={data?.next ?? null} after={after} />
        {asked && <RevokeDialog rows={asked} onDone={setJob} onClose={() => ask(null)} />}
      </section>
    </>
  );
}

const BEFORE = { exact: "", at_least: "At least ", about: "About " };

export function foundWords({ count, count_is, complete, next, sessions }: Found): string {
  const said =
    count === null
      ? `${counted(sessions.length, "session")} on this page`
      : `${BEFORE[count_is]}${counted(count, "session")} found`;
  if (complete) return said;
  return next === null
    ? `${said}; more users match than one search can be about, so say more of whom you mean`
    : `${said}; it takes long to look at all of them, the next page goes on`;
}

function Nothing({ where }: { where: Where }): ReactNode {
  const { cx } = useShared();
  if (!Object.keys(where).length) {
    return <p className={cx("empty")}>No sessions yet. They appear here after the first sign-in.</p>;
  }
  return (
    <p className={cx("empty")}>
      Nothing matches {where.q ? <bdi>“{where.q}”</bdi> : "these filters"}.{" "}
      <Button onClick={() => move(NONE)}>Clear filters</Button>
    </p>
  );
}

interface ChosenProps {
  found: Found;
  /** Of the search before. */
  old: boolean;
  where: Where;
  /** Whether these are to be revoked. */
  ask: (rows: AdminRow[]) => void;
}

function Chosen({ found, old, where, ask }: ChosenProps): ReactNode {
  const { cx } = useShared();
  const href = useHref();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const picked = found.sessions.filter((row) => chosen.has(row.id) && isLive(row));
  const query = new URLSearchParams(where).toString();
  return (
    <div className={cx("found", old && "old")} aria-busy={old}>
      <SessionsTable
        rows={found.sessions}
        caption={where.state ? "Sessions, newest first" : "Active sessions, newest first"}
        chosen={chosen}
        choose={setChosen}
        revoke={(row) => ask([row])}
      />
      <div className={cx("acts", "under")}>
        <Button tone="danger" off={!picked.length} onClick={() => ask(picked)}>
          {picked.length ? `${number(picked.length)} selected: Revoke…` : "None selected"}
        </Button>
        {Object.keys(where).length > 0 && (
          <a className={cx("button", "quiet")} href={href("/admin/revoke", where)}>
            Revoke all that match…
          </a>
        )}
        <a className={cx("button", "quiet")} href={href(`/api/admin/sessions.csv${query && `?${query}`}`)}>
          Export CSV
        </a>
      </div>
    </div>
  );
}
