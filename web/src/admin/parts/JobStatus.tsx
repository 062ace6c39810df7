/** How far a revocation has come; while it can be taken back, the way to do so. */

import { type Query, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef } from "react";
import { Problem, useAct } from "../../react/act";
import { Button } from "../../react/Button";
import { useNow } from "../../react/clock";
import { useShared } from "../../react/context";
import { clock } from "../../react/spans";
import { CardFailure, Waiting } from "../charts/Card";
import { useChange, useJob } from "../data";
import type { Job } from "../wire";
import { counted, number } from "../words";

export const isOver = ({ state }: Job): boolean => ["done", "undone", "cancelled", "failed"].includes(state);

/** One sentence about where it stands. */
export function standing(job: Job): string {
  const { state, expected, done, skipped } = job;
  const rest = skipped ? ` ${counted(skipped, "session")} had ended already or were spared.` : "";
  switch (state) {
    case "counted":
      return `${counted(expected, "session")} would be revoked.`;
    case "running":
      return `Revoking: ${number(done)} of ${number(expected)}.`;
    case "holding":
      return `${counted(done, "session")} revoked; this can still be undone.${rest}`;
    case "done":
      return `${counted(done, "session")} revoked.${rest}`;
    case "undoing":
      return "Undoing.";
    case "undone":
      return "Undone: the sessions may be used again.";
    case "cancelled":
      return done ? `Cancelled after ${counted(done, "session")}.` : "Cancelled; nothing was revoked.";
    case "failed":
      return `This did not work. ${number(done)} of ${counted(expected, "session")} were revoked.`;
  }
}

export interface JobStatusProps {
  id: string;
  /** What is known of it until the server is asked. */
  known?: Job;
  onClose?: () => void;
}

/** It ends sessions in the background: what is listed is asked for again as it goes on. */
function useNewLists(job: Job | undefined): void {
  const queryClient = useQueryClient();
  const mark = job && `${job.state} ${job.done}`;
  useEffect(() => {
    if (mark === undefined) return;
    const lists = ({ queryKey }: Query) => !String(queryKey[2]).startsWith("/revoke/");
    void queryClient.invalidateQueries({ queryKey: ["sojourn", "admin"], predicate: lists });
  }, [mark, queryClient]);
}

export function JobStatus({ id, known, onClose }: JobStatusProps): ReactNode {
  const { cx } = useShared();
  const query = useJob(id);
  const job = query.data ?? known;
  useNewLists(job);
  if (!job) return query.error ? <CardFailure queries={[query]} what="status" /> : <Waiting small />;
  const failed = job.state === "failed";
  return (
    <div className={cx("notice", "job", failed && "bad", !isOver(job) && "warn")}>
      <Said job={job} />
      {job.state === "running" && (
        <progress max={job.expected || 1} value={job.done + job.skipped} aria-label="Revoked so far" />
      )}
      <JobActs job={job} onClose={onClose} />
    </div>
  );
}

/** Progress is seen, and not said aloud each second: only that it is another state. */
function Said({ job }: { job: Job }): ReactNode {
  const { notify } = useShared();
  const before = useRef(job.state);
  const sentence = standing(job);
  useEffect(() => {
    if (before.current === job.state) return;
    before.current = job.state;
    notify({ kind: job.state === "failed" ? "error" : "success", text: sentence, quiet: true });
  }, [job.state, sentence, notify]);
  return <p>{sentence}</p>;
}

/** What one has begun oneself can be undone, in the session that began it. */
function JobActs({ job, onClose }: { job: Job; onClose?: () => void }): ReactNode {
  const { cx, client } = useShared();
  const change = useChange();
  const path = `/revoke/${encodeURIComponent(job.id)}`;
  const undo = useAct(() => change(`${path}/undo`));
  const cancel = useAct(() => change(`${path}/cancel`));
  const until = job.undo_until === null ? null : Date.parse(job.undo_until);
  const now = useNow(until, 1_000);
  const left = until === null || now === null ? 0 : until - now;
  const mine = job.by === client.getState().user?.id;
  const undoable = mine && left > 0 && ["running", "holding", "cancelled"].includes(job.state);
  return (
    <>
      <div className={cx("acts")}>
        {undoable && (
          <Button off={undo.busy} onClick={() => void undo.run()}>
            Undo{" "}
            <span className={cx("count")} aria-hidden="true">
              {clock(left)}
            </span>
          </Button>
        )}
        {job.state === "running" && (
          <Button tone="danger" off={cancel.busy} onClick={() => void cancel.run()}>
            Cancel the rest
          </Button>
        )}
        {onClose && (isOver(job) || job.state === "holding") && <Button onClick={onClose}>Close</Button>}
      </div>
      <Problem error={undo.error ?? cancel.error} />
    </>
  );
}
