/** When in the week there is how much: a field for each hour, the darker the more. */

import { type ReactNode, useState } from "react";
import { useShared } from "../../react/context";
import { DAYS, LONG_DAYS } from "../words";
import { CursorArea } from "./Cursor";
import { Drawing, type Told } from "./Drawing";
import { clamp } from "./Lines";
import { useWidth } from "./size";

export interface HeatFieldsProps extends Told {
  cells: number[][];
  most: number;
  format: (value: number) => string;
}

const LEFT = 40;
const TOP = 4;
const BOTTOM = 22;
const GAP = 2;
const HOURS = 24;
const LEVELS = 5;

/** 0: nothing; 1 to 5. */
export const levelOf = (count: number, most: number): number =>
  count > 0 && most > 0 ? Math.min(LEVELS, Math.max(1, Math.ceil((LEVELS * count) / most))) : 0;

export const hourOf = (hour: number): string =>
  `${String(hour).padStart(2, "0")}:00–${String((hour + 1) % HOURS).padStart(2, "0")}:00`;

export function HeatFields({ title, summary, cells, most, format }: HeatFieldsProps): ReactNode {
  const { cx } = useShared();
  const [ref, width] = useWidth();
  const [at, setAt] = useState<number | null>(null);
  const across = (width - LEFT) / HOURS;
  const down = Math.min(28, Math.max(20, across));
  const height = TOP + BOTTOM + down * DAYS.length;
  const countAt = (index: number) => cells[Math.floor(index / HOURS)]?.[index % HOURS] ?? 0;
  return (
    <>
      <div ref={ref} className={cx("plot")}>
        <Drawing title={title} summary={summary} width={width} height={height}>
          <Week across={across} down={down} height={height} />
          {Array.from({ length: DAYS.length * HOURS }, (_, index) => (
            <rect
              // biome-ignore lint/suspicious/noArrayIndexKey: hours stay where they are
              key={index}
              className={cx(`heat${levelOf(countAt(index), most)}`, at === index && "chosen")}
              x={LEFT + across * (index % HOURS) + GAP / 2}
              y={TOP + down * Math.floor(index / HOURS) + GAP / 2}
              width={across - GAP}
              height={down - GAP}
              rx="3"
            />
          ))}
        </Drawing>
        <CursorArea
          label={title}
          count={DAYS.length * HOURS}
          across={HOURS}
          locate={(x, y) => {
            const hour = clamp(Math.floor((x * width - LEFT) / across), HOURS);
            return clamp(Math.floor((y * height - TOP) / down), DAYS.length) * HOURS + hour;
          }}
          place={(index) => [LEFT + across * (index % HOURS), TOP + down * Math.floor(index / HOURS)]}
          name={(index) => `${LONG_DAYS[Math.floor(index / HOURS)]}, ${hourOf(index % HOURS)}`}
          value={(index) => format(countAt(index))}
          onMove={setAt}
        />
      </div>
      <Scale />
    </>
  );
}

function Week({ across, down, height }: { across: number; down: number; height: number }): ReactNode {
  const { cx } = useShared();
  const every = across < 22 ? 6 : 3;
  return (
    <g className={cx("axes")}>
      {DAYS.map((day, index) => (
        <text key={day} x="0" y={TOP + down * (index + 0.5) + 4}>
          {day}
        </text>
      ))}
      {Array.from({ length: HOURS / every }, (_, index) => index * every).map((hour) => (
        <text key={hour} x={LEFT + across * hour} y={height - 6}>
          {`${String(hour).padStart(2, "0")}:00`}
        </text>
      ))}
    </g>
  );
}

function Scale(): ReactNode {
  const { cx } = useShared();
  return (
    <p className={cx("scale")}>
      Less
      <svg viewBox="0 0 100 14" width="100" height="14" aria-hidden="true">
        {[0, 1, 2, 3, 4, 5].map((level) => (
          <rect key={level} className={cx(`heat${level}`)} x={level * 17} width="15" height="14" rx="3" />
        ))}
      </svg>
      More
    </p>
  );
}
