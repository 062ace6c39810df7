/** How it stands: the numbers of now, and how they came about. */

import type { ReactNode } from "react";
import { useShared } from "../../react/context";
import { move, useParams } from "../address";
import { Activity } from "../parts/Activity";
import { AlertList } from "../parts/AlertList";
import { DevicesChart, LengthsChart } from "../parts/histograms";
import {
  ActiveChart,
  CreatedChart,
  EndingsChart,
  MethodsChart,
  RateChart,
  VerdictsChart,
} from "../parts/series";
import { Tiles } from "../parts/Tiles";
import { RANGES, rangeOf } from "../ranges";

export function Overview(): ReactNode {
  const { cx } = useShared();
  const params = useParams();
  const range = rangeOf(params.get("range"));
  const compare = params.get("compare") === "previous";
  return (
    <>
      <h1>Overview</h1>
      <Tiles />
      <AlertList brief />
      <form className={cx("filters")} aria-label="Charts" onSubmit={(event) => event.preventDefault()}>
        <label className={cx("field")}>
          Range
          <select value={range.name} onChange={(event) => move({ range: event.currentTarget.value })}>
            {RANGES.map(({ name, words }) => (
              <option key={name} value={name}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <label className={cx("choice")}>
          <input
            type="checkbox"
            checked={compare}
            onChange={(event) => move({ compare: event.currentTarget.checked ? "previous" : null })}
          />
          Compare with {range.before}
        </label>
      </form>
      <div className={cx("charts")}>
        <CreatedChart range={range} compare={compare} />
        <RateChart range={range} compare={compare} />
        <ActiveChart range={range} compare={compare} />
        <EndingsChart range={range} />
        <LengthsChart />
        <DevicesChart />
        <VerdictsChart range={range} />
        <MethodsChart range={range} />
        <Activity range={range} />
      </div>
    </>
  );
}
