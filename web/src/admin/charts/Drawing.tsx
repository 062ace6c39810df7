/** A drawing that is named and described: one picture to whoever cannot see it. */

import { type ReactNode, useId } from "react";

/** What every drawing says of itself. */
export interface Told {
  title: string;
  /** One sentence. */
  summary: string;
}

export interface DrawingProps extends Told {
  width: number;
  height: number;
  children: ReactNode;
}

export function Drawing({ title, summary, width, height, children }: DrawingProps): ReactNode {
  const id = useId();
  return (
    <svg
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      role="img"
      aria-labelledby={id}
      aria-describedby={`${id}desc`}
    >
      <title id={id}>{title}</title>
      <desc id={`${id}desc`}>{summary}</desc>
      {children}
    </svg>
  );
}
