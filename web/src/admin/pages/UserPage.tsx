/** One user: who it is, where they are signed in, what happened, and what can be done. */

import { type ReactNode, useState } from "react";
import type { User } from "../../client";
import { Button } from "../../react/Button";
import { useShared } from "../../react/context";
import { Line } from "../../react/Line";
import { useKeptFocus } from "../../react/useKeptFocus";
import { CardFailure, Waiting } from "../charts/Card";
import { useAdmin, useHref } from "../context";
import { useFoundOf, useUser } from "../data";
import { ActAsDialog } from "../parts/ActAs";
import { JobStatus } from "../parts/JobStatus";
import { RequireSignInDialog } from "../parts/RequireSignIn";
import { RevokeDialog } from "../parts/RevokeDialog";
import { isLive, SessionsTable } from "../parts/SessionsTable";
import { Timeline } from "../parts/Timeline";
import { When } from "../parts/When";
import type { AdminRow, Job } from "../wire";
import { counted } from "../words";
import { roleOf } from "./UsersPage";

type Asked = { what: "revoke"; rows: AdminRow[]; all: boolean } | { what: "sign-in" } | { what: "act" };

export function UserPage(): ReactNode {
  const { cx } = useShared();
  const href = useHref();
  const id = useAdmin().boot.user_id ?? "";
  const query = useUser(id);
  if (!query.data) {
    return query.error ? <CardFailure queries={[query]} what="user" /> : <Waiting />;
  }
  return (
    <>
      <p className={cx("fine")}>
        <a href={href("/admin/users")}>Users</a>
      </p>
      <Of user={query.data} />
      <Timeline userId={id} />
    </>
  );
}

function Of({ user }: { user: User }): ReactNode {
  const [asked, ask] = useState<Asked | null>(null);
  const [job, setJob] = useState<Job | null>(null);
  const place = useKeptFocus();
  const close = () => ask(null);
  return (
    <section ref={place}>
      <Profile user={user} ask={ask} />
      {job && <JobStatus key={job.id} id={job.id} known={job} onClose={() => setJob(null)} />}
      <Sessions user={user} ask={ask} />
      {asked?.what === "revoke" && (
        <RevokeDialog
          rows={asked.rows}
          user={asked.all ? { id: user.id, name: user.email } : undefined}
          onDone={setJob}
          onClose={close}
        />
      )}
      {asked?.what === "sign-in" && <RequireSignInDialog user={user} onClose={close} />}
      {asked?.what === "act" && <ActAsDialog user={user} onClose={close} />}
    </section>
  );
}

function Profile({ user, ask }: { user: User; ask: (asked: Asked) => void }): ReactNode {
  const { cx } = useShared();
  return (
    <header className={cx("profile")}>
      <div>
        <h1>
          <bdi>{user.name || user.email}</bdi>
        </h1>
        <Line
          facts={[
            user.name && <bdi>{user.email}</bdi>,
            roleOf(user),
            <>
              Since <When at={user.created_at} as="date" />
            </>,
            user.disabled && <b className={cx("soon")}>Disabled</b>,
          ]}
        />
      </div>
      <div className={cx("acts")}>
        <Button onClick={() => ask({ what: "sign-in" })}>Require new sign-in…</Button>
        {user.role !== "admin" && !user.disabled && (
          <Button onClick={() => ask({ what: "act" })}>Act as this user…</Button>
        )}
      </div>
    </header>
  );
}

function Sessions({ user, ask }: { user: User; ask: (asked: Asked) => void }): ReactNode {
  const { cx } = useShared();
  const query = useFoundOf(user.id);
  const rows = (query.data?.sessions ?? []).map((row) => ({ ...row, user_id: user.id, user }));
  return (
    <section className={cx("card")} aria-labelledby="live">
      <div className={cx("head")}>
        <div>
          <h2 id="live" tabIndex={-1}>
            Active sessions
          </h2>
          {query.data && <p className={cx("fine")}>{counted(query.data.count ?? rows.length, "session")}</p>}
        </div>
        {rows.some(isLive) && (
          <div className={cx("acts")}>
            <Button tone="danger" onClick={() => ask({ what: "revoke", rows, all: true })}>
              Revoke all sessions…
            </Button>
          </div>
        )}
      </div>
      <CardFailure queries={[query]} what="list" />
      {!query.data && !query.error && <Waiting small />}
      {query.data && !rows.length && <p className={cx("empty")}>This user is not signed in anywhere.</p>}
      {rows.length > 0 && (
        <SessionsTable
          rows={rows}
          caption={`Active sessions of ${user.email}`}
          without="User"
          revoke={(row) => ask({ what: "revoke", rows: [row], all: false })}
        />
      )}
    </section>
  );
}
