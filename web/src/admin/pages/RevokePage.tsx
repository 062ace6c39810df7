/** Revoking all that match: first it is counted, then the number is typed, then it is done, and can be undone. */

import { type ReactNode, useState } from "react";
import { ActForm } from "../../react/ActForm";
import { useShared } from "../../react/context";
import { Line } from "../../react/Line";
import { move, useParams } from "../address";
import { CardFailure, Waiting } from "../charts/Card";
import { useAdmin, useHref } from "../context";
import { useChange, useJob, useJobs } from "../data";
import { Filters } from "../parts/Filters";
import { JobStatus, standing } from "../parts/JobStatus";
import { asBody, isTyped, missing, ReasonFields, Typed, useTold } from "../parts/Reason";
import { SessionsTable } from "../parts/SessionsTable";
import { When } from "../parts/When";
import { spoken, whereOf } from "../search";
import type { Job, Where } from "../wire";
import { counted, number, WHYS } from "../words";

/** *everyone*: no filter, and a page of its own, so that nobody comes here by leaving one out. */
export function RevokePage({ everyone = false }: { everyone?: boolean }): ReactNode {
  const { cx } = useShared();
  const params = useParams();
  const job = params.get("job");
  return (
    <>
      <h1>{everyone ? "Revoke everyone" : "Revoke by query"}</h1>
      {job ? <Under id={job} /> : <Begin everyone={everyone} params={params} />}
      {!everyone && <Recent />}
      {!everyone && !job && <Incident />}
      {everyone && <p className={cx("fine")}>You can leave this page; what was begun goes on.</p>}
    </>
  );
}

function Incident(): ReactNode {
  const { cx } = useShared();
  const href = useHref();
  return (
    <p className={cx("fine")}>
      In an incident: <a href={href("/admin/everyone")}>revoke everyone’s sessions…</a>
    </p>
  );
}

function useNames(): Record<string, string> {
  const { boot } = useAdmin();
  return { ...boot.applications, ...boot.tenants };
}

export function whatWords(where: Where | null, names: Record<string, string>): string {
  if (where === null) return "Chosen sessions";
  const said = spoken(where, names);
  return said.length ? `Sessions ${said.join(", ")}` : "All sessions of everyone";
}

function Begin({ everyone, params }: { everyone: boolean; params: URLSearchParams }): ReactNode {
  const { cx } = useShared();
  const change = useChange();
  const [told, tell] = useTold();
  const [spare, setSpare] = useState(true);
  const { state: _, ...where } = everyone ? {} : whereOf(params);
  const names = useNames();
  const act = async () => {
    const none = !everyone && !Object.keys(where).length;
    const wrong = none ? "Choose at least one filter." : missing(told);
    if (wrong) throw Object.assign(new Error(wrong), { code: "missing" });
    const asked = { where, ...asBody(told), dry_run: true, except_administrators: spare };
    const job = await change<Job>("/revoke", asked);
    move({ job: job.id });
  };
  return (
    <section className={cx("card", "plan")} aria-label="What is to be revoked">
      {everyone ? (
        <p className={cx("notice", "bad")}>
          This signs out every user on every device. It is meant for incidents.
        </p>
      ) : (
        <Filters params={params} only="live" />
      )}
      <p className={cx("name")}>{whatWords(where, names)}</p>
      <ActForm act={act} yes="Count them" tone="main">
        <ReasonFields told={told} tell={tell} />
        <label className={cx("choice")}>
          <input type="checkbox" checked={spare} onChange={(e) => setSpare(e.currentTarget.checked)} />
          Except administrators
        </label>
        <p className={cx("fine")}>Counting changes nothing. You will see the number first.</p>
      </ActForm>
    </section>
  );
}

function Under({ id }: { id: string }): ReactNode {
  const { cx } = useShared();
  const query = useJob(id);
  const names = useNames();
  const job = query.data;
  if (!job) return query.error ? <CardFailure queries={[query]} what="revocation" /> : <Waiting />;
  return (
    <section className={cx("card", "plan")} aria-label="Revocation">
      <p className={cx("name")}>{whatWords(job.where, names)}</p>
      <Line
        facts={[
          WHYS[job.reason] ?? job.reason,
          job.note && <bdi>{job.note}</bdi>,
          <When key="at" at={job.created_at} as="date" />,
        ]}
      />
      <JobStatus id={id} known={job} />
      {job.state === "counted" && <Start job={job} />}
      {job.sample.length > 0 && (
        <>
          <h2>Some of them</h2>
          <SessionsTable
            rows={job.sample}
            caption={`${counted(job.sample.length, "example")}, newest first`}
          />
        </>
      )}
      <p className={cx("acts")}>
        <button type="button" className={cx("button", "quiet")} onClick={() => move({ job: null })}>
          Back
        </button>
      </p>
    </section>
  );
}

/** The number that was counted has to be typed; if it is another by now, the server says so. */
function Start({ job }: { job: Job }): ReactNode {
  const { cx } = useShared();
  const change = useChange();
  const [typed, setTyped] = useState("");
  if (!job.expected) return <p className={cx("empty")}>There is nothing to revoke.</p>;
  const act = async () => {
    if (!isTyped(typed, String(job.expected))) {
      throw Object.assign(new Error("Type the number of sessions."), { code: "missing" });
    }
    await change(`/revoke/${encodeURIComponent(job.id)}/start`, { expected: job.expected });
  };
  return (
    <ActForm act={act} yes={`Revoke ${counted(job.expected, "session")}`} tone="danger">
      {job.sample.some(({ current }) => current) && (
        <p className={cx("notice", "warn")}>One of them is the session you are using now.</p>
      )}
      <Typed wanted={String(job.expected)} typed={typed} onType={setTyped}>
        Type <b>{number(job.expected)}</b> to confirm
      </Typed>
    </ActForm>
  );
}

function Recent(): ReactNode {
  const { cx } = useShared();
  const query = useJobs();
  const names = useNames();
  const jobs = query.data?.jobs ?? [];
  return (
    <section className={cx("card")} aria-labelledby="recent">
      <h2 id="recent">Recent revocations</h2>
      <CardFailure queries={[query]} what="list" />
      {!query.data && !query.error && <Waiting small />}
      {query.data && !jobs.length && <p className={cx("empty")}>None yet.</p>}
      <ul className={cx("rows", "several")}>
        {jobs.map((job) => (
          <li key={job.id}>
            <div className={cx("what")}>
              <p className={cx("name")}>{whatWords(job.where, names)}</p>
              <Line
                facts={[standing(job), WHYS[job.reason] ?? job.reason, <When key="at" at={job.created_at} />]}
              />
            </div>
            <button
              type="button"
              className={cx("button", "quiet")}
              aria-label={`Open: ${whatWords(job.where, names)}`}
              onClick={() => move({ job: job.id })}
            >
              Open
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
