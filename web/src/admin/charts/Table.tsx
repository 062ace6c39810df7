/** The numbers of a drawing as a table. */

import type { ReactNode } from "react";
import { Scrolls } from "../parts/Scrolls";

export interface Numbers {
  caption: string;
  heads: string[];
  /** The first cell of each is its name. */
  rows: string[][];
}

export function NumbersTable({ caption, heads, rows }: Numbers): ReactNode {
  return (
    <Scrolls kind="numbers" label={`${caption}: numbers`}>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, ...cells]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {cells.map((cell, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: columns stay where they are
                <td key={index}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolls>
  );
}
