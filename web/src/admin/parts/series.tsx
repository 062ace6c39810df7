/** Charts of what happened in the course of time. */

import type { ReactNode } from "react";
import { ChartCard } from "../charts/Card";
import { type Kind, Lines, shown } from "../charts/Lines";
import { Shares } from "../charts/Shares";
import { useZone } from "../context";
import { type Asked, useSeries } from "../data";
import { type Range, STEPS } from "../ranges";
import { column, isGood, type Known, rateOf, shares, sums, total } from "../sums";
import type { Point, Series } from "../wire";
import { compact, counted, methodOf, moment, number, percent, reasonOf, tick, verdictOf } from "../words";

export interface OverTime {
  range: Range;
  compare: boolean;
}

interface TimeChartProps {
  title: string;
  summary: string;
  queries: Asked<Series>[];
  range: Range;
  kinds: Kind[];
  format?: (value: number) => string;
  /** On the axis. */
  short?: (value: number) => string;
  bounds?: [number, number];
}

function TimeChart(props: TimeChartProps): ReactNode {
  const { title, summary, queries, range, kinds, format = number, short = compact, bounds } = props;
  const zone = useZone();
  const points = queries[0]?.data?.points ?? [];
  const at = (index: number) => Date.parse(points[index]?.at ?? "");
  const now = Date.parse(queries[0]?.data?.server_now ?? "");
  const name = (index: number) => {
    const begun = at(index);
    return moment(begun, range.step, zone) + (begun + STEPS[range.step] > now ? " (so far)" : "");
  };
  return (
    <ChartCard
      title={title}
      summary={summary}
      queries={queries}
      empty={kinds.every(({ values }) => values.every((value) => value === null))}
      numbers={() => ({
        caption: `${title}, ${range.words.toLowerCase()}`,
        heads: ["Time", ...kinds.map(({ label }) => label)],
        rows: points.map((_, index) => [
          name(index),
          ...kinds.map(({ values }) => shown(values[index] ?? null, format)),
        ]),
      })}
    >
      {(said) => (
        <Lines
          title={title}
          summary={said}
          kinds={kinds}
          count={points.length}
          tick={(index) => tick(at(index), range.step, range.length, zone)}
          name={name}
          format={(value) => (Number.isInteger(value) ? short(value) : format(value))}
          bounds={bounds}
        />
      )}
    </ChartCard>
  );
}

/** The time before, beside the time that is shown: only where it is asked for. */
function earlier(
  label: string,
  points: Point[] | null | undefined,
  of: (points: Point[]) => Known[],
): Kind[] {
  return points ? [{ label: `${label}, before`, look: "dotted", values: of(points) }] : [];
}

export function CreatedChart({ range, compare }: OverTime): ReactNode {
  const created = useSeries("created", range, compare);
  const ended = useSeries("ended", range);
  const [began, over] = [sums(created.data?.points), sums(ended.data?.points)];
  return (
    <TimeChart
      title="Sessions created and ended"
      summary={`${counted(total(began), "session")} created and ${number(total(over))} ended in the ${range.words.toLowerCase()}.`}
      queries={[created, ended]}
      range={range}
      kinds={[
        { label: "Created", look: "solid", area: true, values: began },
        { label: "Ended", look: "dashed", values: over },
        ...earlier("Created", created.data?.before, sums),
      ]}
    />
  );
}

export function RateChart({ range, compare }: OverTime): ReactNode {
  const query = useSeries("refresh", range, compare);
  const rates = (points: Point[]) => points.map(rateOf);
  const values = rates(query.data?.points ?? []);
  const known = values.filter((value) => value !== null);
  const least = Math.min(...known);
  return (
    <TimeChart
      title="Refresh success rate"
      summary={
        known.length
          ? `Between ${percent(least)} and ${percent(Math.max(...known))} of refreshes succeeded. A gap: none were asked for.`
          : ""
      }
      queries={[query]}
      range={range}
      kinds={[
        { label: "Succeeded", look: "solid", values },
        ...earlier("Succeeded", query.data?.before, rates),
      ]}
      format={percent}
      short={(value) => `${value} %`}
      bounds={[95, 100]}
    />
  );
}

export function ActiveChart({ range, compare }: OverTime): ReactNode {
  const query = useSeries("active", range, compare);
  const points = query.data?.points ?? [];
  const of = (label: string) => (points: Point[]) => column(points, label);
  const values = of("sessions")(points);
  const known = values.filter((value) => value !== null);
  return (
    <TimeChart
      title="Active sessions and users"
      summary={
        known.length
          ? `Between ${number(Math.min(...known))} and ${counted(Math.max(...known), "session")} at a time.`
          : ""
      }
      queries={[query]}
      range={range}
      kinds={[
        { label: "Sessions", look: "solid", area: true, values },
        { label: "Users", look: "dashed", values: of("users")(points) },
        ...earlier("Sessions", query.data?.before, of("sessions")),
      ]}
    />
  );
}

interface ShareChartProps {
  title: string;
  metric: string;
  range: Range;
  name: (label: string) => string;
  /** What is counted. */
  what: string;
  bad?: (label: string) => boolean;
}

function ShareChart({ title, metric, range, name, what, bad }: ShareChartProps): ReactNode {
  const query = useSeries(metric, range);
  const found = query.data ? shares(query.data) : [];
  const all = found.reduce((sum, { count }) => sum + count, 0);
  const [first] = found;
  return (
    <ChartCard
      title={title}
      summary={
        first
          ? `${number(all)} ${what}; most often: ${name(first.label)} (${percent((100 * first.count) / all)}).`
          : ""
      }
      queries={[query]}
      empty={!first}
      numbers={() => ({
        caption: `${title}, ${range.words.toLowerCase()}`,
        heads: ["Kind", "Number", "Share"],
        rows: found.map(({ label, count }) => [name(label), number(count), percent((100 * count) / all)]),
      })}
    >
      {() => <Shares title={title} shares={found} name={name} format={number} bad={bad} />}
    </ChartCard>
  );
}

export const EndingsChart = ({ range }: { range: Range }): ReactNode => (
  <ShareChart
    title="Why sessions ended"
    metric="ended"
    range={range}
    name={reasonOf}
    what="sessions"
    bad={(label) => label === "replay" || label === "reported"}
  />
);

export const VerdictsChart = ({ range }: { range: Range }): ReactNode => (
  <ShareChart
    title="What became of refreshes"
    metric="refresh"
    range={range}
    name={verdictOf}
    what="refreshes"
    bad={(label) => !isGood(label)}
  />
);

export const MethodsChart = ({ range }: { range: Range }): ReactNode => (
  <ShareChart title="How people signed in" metric="created" range={range} name={methodOf} what="sign-ins" />
);
