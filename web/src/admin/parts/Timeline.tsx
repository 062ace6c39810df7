/** What happened to a user's sessions, the latest first. */

import { type ReactNode, useState } from "react";
import { Button } from "../../react/Button";
import { useShared } from "../../react/context";
import { Line } from "../../react/Line";
import { CardFailure, Waiting } from "../charts/Card";
import { useTimeline } from "../data";
import type { Line as Entry } from "../wire";
import { country, reasonOf, spelled, verdictOf } from "../words";
import { When } from "./When";

const NAMES: Record<string, string> = {
  "session-established": "Signed in",
  "session-presented": "Session used",
  "session-revoked": "Session ended",
  "session-expired": "Session expired",
  "session-refreshed": "Session refreshed",
  "session-challenged": "Asked to sign in again",
  "session-impersonated": "An administrator acted as this user",
  "session-reported": "“Not me” reported",
  "session-held": "Session ended by an administrator, can still be undone",
  "session-restored": "Ending undone",
  "credential-change": "Way of signing in changed",
  "new-device": "New device",
  "new-country": "New country",
  "network-changed": "Network changed",
  "authn-impossible-travel": "Impossible travel",
  "admin-action": "Administrator",
};

const WORDS: Record<string, (value: string) => string> = {
  reason: reasonOf,
  verdict: verdictOf,
  country,
};

/** Facts that say nothing to people. */
const SILENT = new Set(["user_id", "session_id", "device_id", "by", "parent_id", "target"]);

/** That something is kept, and not shown. */
const MASKED = "•••";

/** "Signed out · Chrome on macOS · about Berlin" */
export function told({ facts, personal }: Pick<Entry, "facts" | "personal">): string[] {
  const pairs = Object.entries({ ...facts, ...personal });
  return pairs.flatMap(([name, value]) => {
    if (SILENT.has(name) || value === MASKED || value === null || value === "" || typeof value === "object")
      return [];
    const said = String(value);
    if (WORDS[name]) return [WORDS[name](said)];
    return [name === "act" ? spelled(said) : `${spelled(name)}: ${said}`];
  });
}

export function Timeline({ userId }: { userId: string }): ReactNode {
  const { cx } = useShared();
  const [pages, setPages] = useState<(string | undefined)[]>([undefined]);
  const [shown, setShown] = useState(false);
  return (
    <section className={cx("card")} aria-labelledby="timeline">
      <div className={cx("head")}>
        <h2 id="timeline">Timeline</h2>
        <div className={cx("acts")}>
          {!shown && <Button onClick={() => setShown(true)}>Show addresses and devices</Button>}
        </div>
      </div>
      {shown && <p className={cx("fine")}>That you look at them is written down.</p>}
      {pages.map((after, index) => (
        <Page
          key={after ?? ""}
          userId={userId}
          after={after}
          shown={shown}
          onMore={index === pages.length - 1 ? (next) => setPages([...pages, next]) : undefined}
        />
      ))}
    </section>
  );
}

interface PageProps {
  userId: string;
  after: string | undefined;
  /** With what is personal. */
  shown: boolean;
  onMore?: (next: string) => void;
}

function Page({ userId, after, shown, onMore }: PageProps): ReactNode {
  const { cx } = useShared();
  const query = useTimeline(userId, after, shown);
  const { data } = query;
  return (
    <>
      <CardFailure queries={[query]} what="timeline" />
      {!data && !query.error && <Waiting small />}
      {data && !data.lines.length && !after && <p className={cx("empty")}>Nothing was written down yet.</p>}
      <ol className={cx("timeline")}>
        {data?.lines.map((line) => (
          <Happened key={line.place} line={line} />
        ))}
      </ol>
      {onMore && data?.next != null && (
        <Button onClick={() => onMore(String(data.next))}>Show earlier</Button>
      )}
    </>
  );
}

function Happened({ line }: { line: Entry }): ReactNode {
  const { cx } = useShared();
  const facts = told(line);
  return (
    <li>
      <p className={cx("name")}>{NAMES[line.name] ?? spelled(line.name)}</p>
      <Line
        facts={[
          <When key="at" at={line.at} as="date" />,
          ...facts.map((fact) => <bdi key={fact}>{fact}</bdi>),
        ]}
      />
    </li>
  );
}
