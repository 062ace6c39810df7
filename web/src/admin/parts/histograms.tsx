/** How long sessions are, and on how many devices people are. */

import type { ReactNode } from "react";
import { Bars } from "../charts/Bars";
import { ChartCard } from "../charts/Card";
import { useHistogram } from "../data";
import { middle } from "../sums";
import type { Histogram } from "../wire";
import { compact, counted, number, shortSpan } from "../words";

type Bucket = Histogram["buckets"][number];

interface HistogramChartProps {
  title: string;
  metric: "duration" | "devices";
  /** Of the bucket that goes from *over* up to and with `up_to`. */
  tick: (bucket: Bucket, over: number) => string;
  name: (bucket: Bucket, over: number) => string;
  summary: (data: Histogram, name: (index: number) => string) => string;
  what: string;
}

function HistogramChart({ title, metric, tick, name, summary, what }: HistogramChartProps): ReactNode {
  const query = useHistogram(metric);
  const buckets = query.data?.buckets ?? [];
  const of = (say: HistogramChartProps["tick"]) => (index: number) =>
    say(buckets[index] as Bucket, buckets[index - 1]?.up_to ?? 0);
  const about = query.data?.approximate ? "about " : "";
  return (
    <ChartCard
      title={title}
      summary={query.data ? summary(query.data, of(name)) : ""}
      queries={[query]}
      empty={!query.data?.of}
      numbers={() => ({
        caption: title,
        heads: [what, "Number"],
        rows: buckets.map(({ count }, index) => [of(name)(index), about + number(count)]),
      })}
    >
      {(said) => (
        <Bars
          title={title}
          summary={said}
          counts={buckets.map(({ count }) => count)}
          tick={of(tick)}
          name={of(name)}
          format={compact}
        />
      )}
    </ChartCard>
  );
}

export const LengthsChart = (): ReactNode => (
  <HistogramChart
    title="Session length"
    metric="duration"
    what="Length"
    tick={({ up_to }, over) => (up_to === null ? `> ${shortSpan(over)}` : shortSpan(up_to))}
    name={({ up_to }, over) =>
      up_to === null
        ? `more than ${shortSpan(over)}`
        : over
          ? `${shortSpan(over)} to ${shortSpan(up_to)}`
          : `up to ${shortSpan(up_to)}`
    }
    summary={(data, name) =>
      `${data.approximate ? "About " : ""}${counted(data.of, "ended session")}; half of them lasted ${halfway(data, name)}.`
    }
  />
);

const halfway = (data: Histogram, name: (index: number) => string): string => {
  const index = middle(data);
  const said = index < 0 ? "" : name(index);
  return said.startsWith("up to") || said.startsWith("more")
    ? said
    : `no longer than ${said.split(" to ").at(-1)}`;
};

export const DevicesChart = (): ReactNode => (
  <HistogramChart
    title="Devices per user"
    metric="devices"
    what="Devices"
    tick={({ up_to }, over) => (up_to === null ? `> ${over}` : range(over, up_to))}
    name={({ up_to }, over) =>
      up_to === null
        ? `more than ${counted(over, "device")}`
        : `${range(over, up_to)} ${up_to === 1 ? "device" : "devices"}`
    }
    summary={(data) => {
      const one = data.buckets.find(({ up_to }) => up_to === 1)?.count ?? 0;
      return `${data.approximate ? "About " : ""}${counted(data.of, "user")} signed in; ${number(one)} of them on one device only.`;
    }}
  />
);

const range = (over: number, upTo: number): string =>
  upTo - over > 1 ? `${over + 1}–${upTo}` : String(upTo);
