/** A card with a drawing, which can be read as a table; it waits and fails by itself. */

import { type ReactNode, useId, useState } from "react";
import { Button } from "../../react/Button";
import { useShared } from "../../react/context";
import { sentence } from "../../react/errors";
import type { Asked } from "../data";
import { type Numbers, NumbersTable } from "./Table";

export interface ChartCardProps {
  title: string;
  /** One sentence; it describes the drawing to whoever does not see it, too. */
  summary: string;
  queries: Asked<unknown>[];
  numbers: () => Numbers;
  /** There is nothing to draw. */
  empty?: boolean;
  /** Over both columns. */
  wide?: boolean;
  controls?: ReactNode;
  /** Draws it, and describes it so. */
  children: (summary: string) => ReactNode;
}

export function ChartCard(props: ChartCardProps): ReactNode {
  const { title, queries, wide, controls } = props;
  const { cx } = useShared();
  const id = useId();
  const [table, setTable] = useState(false);
  const waiting = queries.some(({ data }) => data === undefined);
  return (
    <section className={cx("card", "chart", wide && "wide")} aria-labelledby={id}>
      <div className={cx("head")}>
        <h2 id={id}>{title}</h2>
        <div className={cx("acts")}>
          {controls}
          {!waiting && !props.empty && (
            <button
              type="button"
              className={cx("button", "small")}
              aria-pressed={table}
              aria-label={`${title}: as a table`}
              onClick={() => setTable(!table)}
            >
              Table
            </button>
          )}
        </div>
      </div>
      <CardFailure queries={queries} what="chart" />
      <Content {...props} table={table} waiting={waiting} />
    </section>
  );
}

interface ContentProps extends ChartCardProps {
  table: boolean;
  waiting: boolean;
}

function Content({ table, waiting, queries, summary, numbers, empty, children }: ContentProps): ReactNode {
  const { cx } = useShared();
  if (waiting) return queries.some(({ error }) => error) ? null : <Waiting />;
  if (empty) return <p className={cx("fine", "empty")}>Nothing to show for this time yet.</p>;
  return (
    <>
      <p className={cx("fine", "summary")}>{summary}</p>
      {table ? <NumbersTable {...numbers()} /> : children(summary)}
    </>
  );
}

export function Waiting({ small }: { small?: boolean }): ReactNode {
  const { cx } = useShared();
  return (
    <div className={cx("waiting", small && "small")} aria-busy="true">
      <span className={cx("unseen")}>Loading</span>
    </div>
  );
}

/** What could not be had; what was there before stays. */
export function CardFailure({ queries, what }: { queries: Asked<unknown>[]; what: string }): ReactNode {
  const { cx, t } = useShared();
  const failed = queries.filter(({ error }) => error);
  const [first] = failed;
  if (!first) return null;
  const old = queries.every(({ data }) => data !== undefined);
  return (
    <div className={cx("notice", old ? "warn" : "bad")} role="alert">
      <p>
        {old ? `This ${what} could not be refreshed.` : `This ${what} could not be loaded.`}{" "}
        {sentence(t, first.error)}
      </p>
      <Button onClick={() => failed.forEach((query) => void query.refetch())}>Try again</Button>
    </div>
  );
}
