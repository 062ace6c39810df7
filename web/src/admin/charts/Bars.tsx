/** How many there are of each size: upright bars. */

import { type ReactNode, useState } from "react";
import { useShared } from "../../react/context";
import { CursorArea } from "./Cursor";
import { Drawing, type Told } from "./Drawing";
import { clamp } from "./Lines";
import { wholeTicks } from "./scale";
import { useWidth } from "./size";

export interface BarsProps extends Told {
  counts: number[];
  /** Under a bar, and in full. */
  tick: (index: number) => string;
  name: (index: number) => string;
  format: (value: number) => string;
}

const HEIGHT = 220;
const TOP = 20;
const BOTTOM = 26;
const LEFT = 46;

export function Bars(props: BarsProps): ReactNode {
  const { title, summary, counts, name, format } = props;
  const { cx } = useShared();
  const [ref, width] = useWidth();
  const [at, setAt] = useState<number | null>(null);
  const marks = wholeTicks(Math.max(...counts, 0));
  const most = marks.at(-1) ?? 1;
  const slot = (width - LEFT - 8) / (counts.length || 1);
  const y = (value: number) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most);
  const x = (index: number) => LEFT + slot * (index + 0.5);
  return (
    <div ref={ref} className={cx("plot")}>
      <Drawing title={title} summary={summary} width={width} height={HEIGHT}>
        <Frame {...props} marks={marks} x={x} y={y} slot={slot} width={width} />
        {counts.map((count, index) => (
          <rect
            // biome-ignore lint/suspicious/noArrayIndexKey: bars stay where they are
            key={index}
            className={cx("bar", at === index && "chosen")}
            x={x(index) - slot * 0.36}
            width={slot * 0.72}
            y={y(count)}
            height={Math.max(count ? 2 : 0, HEIGHT - BOTTOM - y(count))}
            rx="3"
          />
        ))}
      </Drawing>
      <CursorArea
        label={title}
        count={counts.length}
        locate={(along) => clamp(Math.floor((along * width - LEFT) / slot), counts.length)}
        place={(index) => [x(index), Math.max(0, y(counts[index] ?? 0) - 24)]}
        name={name}
        value={(index) => format(counts[index] ?? 0)}
        onMove={setAt}
      />
    </div>
  );
}

interface FrameProps extends BarsProps {
  marks: number[];
  x: (index: number) => number;
  y: (value: number) => number;
  slot: number;
  width: number;
}

function Frame({ counts, tick, marks, x, y, slot, width, format }: FrameProps): ReactNode {
  const { cx } = useShared();
  const every = Math.ceil(44 / slot);
  return (
    <g className={cx("axes")}>
      {marks.map((mark) => (
        <g key={mark}>
          <path d={`M${LEFT} ${y(mark)}H${width - 8}`} />
          <text className={cx("end")} x={LEFT - 8} y={y(mark) + 4}>
            {format(mark)}
          </text>
        </g>
      ))}
      {counts.map((_, index) =>
        index % every ? null : (
          // biome-ignore lint/suspicious/noArrayIndexKey: bars stay where they are
          <text key={index} className={cx("middle")} x={x(index)} y={HEIGHT - 6}>
            {tick(index)}
          </text>
        ),
      )}
    </g>
  );
}
