/** Values over time: a line for each kind, told apart by its dashes as well as its colour. */

import { type ReactNode, useState } from "react";
import { useShared } from "../../react/context";
import type { Known } from "../sums";
import { CursorArea } from "./Cursor";
import { Drawing, type Told } from "./Drawing";
import { runs, some, ticks, wholeTicks } from "./scale";
import { useWidth } from "./size";

export interface Kind {
  label: string;
  /** "dashed" and "dotted" go with further colours. */
  look: "solid" | "dashed" | "dotted";
  /** Filled down to the axis. */
  area?: boolean;
  values: Known[];
}

export interface LinesProps extends Told {
  kinds: Kind[];
  count: number;
  /** Of a point: under the axis, and in full. */
  tick: (index: number) => string;
  name: (index: number) => string;
  format: (value: number) => string;
  /** What the axis holds at least; without it, it begins at 0 and counts in whole numbers. */
  bounds?: [least: number, most: number];
}

const HEIGHT = 220;
const TOP = 10;
const BOTTOM = 26;
const LEFT = 46;
const RIGHT = 22; // half a word under the axis

/** What is drawn where. */
function geometry({ kinds, count, bounds }: LinesProps, width: number) {
  const known = kinds.flatMap(({ values }) => values.filter((value) => value !== null));
  const marks = bounds ? ticks(Math.min(bounds[0], ...known), bounds[1]) : wholeTicks(Math.max(0, ...known));
  const least = marks[0] as number;
  const most = marks.at(-1) as number;
  const inner = width - LEFT - RIGHT;
  return {
    marks: marks.filter((mark) => !bounds || mark <= bounds[1]),
    inner,
    x: (index: number) => LEFT + (count > 1 ? (inner * index) / (count - 1) : inner / 2),
    y: (value: number) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - least) / (most - least || 1)),
  };
}

type Geometry = ReturnType<typeof geometry>;

export function Lines(props: LinesProps): ReactNode {
  const { title, summary, kinds, count, name, format } = props;
  const { cx } = useShared();
  const [ref, width] = useWidth();
  const [at, setAt] = useState<number | null>(null);
  const drawn = geometry(props, width);
  const said = (index: number) =>
    kinds.map(({ label, values }) => `${label}: ${shown(values[index] ?? null, format)}`).join(" · ");
  return (
    <>
      <div ref={ref} className={cx("plot")}>
        <Drawing title={title} summary={summary} width={width} height={HEIGHT}>
          <Axes {...props} drawn={drawn} width={width} />
          {at !== null && at < count && (
            <path className={cx("crosshair")} d={`M${drawn.x(at)} ${TOP}V${HEIGHT - BOTTOM}`} />
          )}
          {kinds.map((kind) => (
            <Line key={kind.label} kind={kind} drawn={drawn} at={at} />
          ))}
        </Drawing>
        <CursorArea
          label={title}
          count={count}
          locate={(x) => clamp(Math.round(((x * width - LEFT) / drawn.inner) * (count - 1)), count)}
          place={(index) => [drawn.x(index), TOP]}
          name={name}
          value={said}
          onMove={setAt}
        />
      </div>
      <Legend kinds={kinds} />
    </>
  );
}

export const shown = (value: Known, format: (value: number) => string): string =>
  value === null ? "no data" : format(value);

export const clamp = (index: number, count: number): number => Math.min(count - 1, Math.max(0, index));

function Axes({
  count,
  tick,
  format,
  drawn,
  width,
}: LinesProps & { drawn: Geometry; width: number }): ReactNode {
  const { cx } = useShared();
  return (
    <g className={cx("axes")}>
      {drawn.marks.map((mark) => (
        <g key={mark}>
          <path d={`M${LEFT} ${drawn.y(mark)}H${width - RIGHT}`} />
          <text className={cx("end")} x={LEFT - 8} y={drawn.y(mark) + 4}>
            {format(mark)}
          </text>
        </g>
      ))}
      {some(count, Math.max(2, Math.floor(drawn.inner / 84))).map((index) => (
        <text key={index} className={cx("middle")} x={drawn.x(index)} y={HEIGHT - 6}>
          {tick(index)}
        </text>
      ))}
    </g>
  );
}

function Line({ kind, drawn, at }: { kind: Kind; drawn: Geometry; at: number | null }): ReactNode {
  const { cx } = useShared();
  const { x, y } = drawn;
  const floor = HEIGHT - BOTTOM;
  const known = runs(kind.values);
  const path = (run: [number, number][]) => `M${run.map(([i, value]) => `${x(i)} ${y(value)}`).join("L")}`;
  const value = at === null ? null : (kind.values[at] ?? null);
  return (
    <g className={cx("kind", kind.look)}>
      {kind.area &&
        known.map((run) => (
          <path
            key={run[0]?.[0]}
            className={cx("area")}
            d={`${path(run)}V${floor}H${x(run[0]?.[0] ?? 0)}Z`}
          />
        ))}
      <path className={cx("line")} d={known.map(path).join("")} />
      {known
        .filter((run) => run.length === 1)
        .map(([only]) => only && <circle key={only[0]} cx={x(only[0])} cy={y(only[1])} r="3" />)}
      {value !== null && <circle cx={x(at ?? 0)} cy={y(value)} r="4.5" />}
    </g>
  );
}

function Legend({ kinds }: { kinds: Kind[] }): ReactNode {
  const { cx } = useShared();
  return (
    <ul className={cx("legend")} aria-label="Lines">
      {kinds.map(({ label, look, area }) => (
        <li key={label} className={cx("kind", look)}>
          <svg viewBox="0 0 28 12" width="28" height="12" aria-hidden="true">
            {area && <path className={cx("area")} d="M0 6H28V12H0Z" />}
            <path className={cx("line")} d="M0 6H28" />
          </svg>
          {label}
        </li>
      ))}
    </ul>
  );
}
