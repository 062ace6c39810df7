/** When in the week people are active. */

import type { ReactNode } from "react";
import { useShared } from "../../react/context";
import { move } from "../address";
import { ChartCard } from "../charts/Card";
import { HeatFields, hourOf } from "../charts/Heat";
import { useZone } from "../context";
import { useHeatmap } from "../data";
import { RANGES, type Range } from "../ranges";
import { compact, LONG_DAYS, number, ownZone } from "../words";

const MONTH = RANGES.at(-1) as Range;
const HOURS = Array.from({ length: 24 }, (_, hour) => hour);

/** Of less than a week, a week's picture would have holes. */
const longEnough = (range: Range): Range => (range.length >= 7 * 86_400_000 ? range : MONTH);

export function Activity({ range }: { range: Range }): ReactNode {
  const zone = useZone();
  const over = longEnough(range);
  const query = useHeatmap(zone, over);
  const cells = query.data?.cells ?? [];
  const most = query.data?.most ?? 0;
  return (
    <ChartCard
      title="When people are active"
      summary={`${peak(cells, most)} ${over.words}, in ${zone === "UTC" ? "UTC" : zone}.`}
      queries={[query]}
      empty={most === 0}
      wide
      controls={<ZoneChoice zone={zone} />}
      numbers={() => ({
        caption: `When people are active, ${over.words.toLowerCase()}, ${zone}`,
        heads: ["Hour", ...LONG_DAYS],
        rows: HOURS.map((hour) => [
          hourOf(hour),
          ...LONG_DAYS.map((_, day) => number(cells[day]?.[hour] ?? 0)),
        ]),
      })}
    >
      {(said) => (
        <HeatFields
          title="When people are active"
          summary={said}
          cells={cells}
          most={most}
          format={compact}
        />
      )}
    </ChartCard>
  );
}

function peak(cells: number[][], most: number): string {
  const day = cells.findIndex((hours) => hours.includes(most));
  const hour = cells[day]?.indexOf(most);
  return day < 0 || hour === undefined ? "" : `Most on ${LONG_DAYS[day]}, ${hourOf(hour)}.`;
}

function ZoneChoice({ zone }: { zone: string }): ReactNode {
  const { cx } = useShared();
  return (
    <label className={cx("inline")}>
      <span className={cx("unseen")}>Time zone</span>
      <select
        value={zone === "UTC" ? "utc" : ""}
        onChange={(event) => move({ zone: event.currentTarget.value })}
      >
        <option value="">{ownZone()}</option>
        <option value="utc">UTC</option>
      </select>
    </label>
  );
}
