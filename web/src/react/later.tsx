/** Shows parts that are fetched later, once they and their words are here. */

import { createElement, type FunctionComponent, type ReactNode, useEffect, useState } from "react";
import { useShared } from "./context";
import type { Part, Parts } from "./parts";

type Name<P extends Part> = {
  [K in keyof Parts[P]]: Parts[P][K] extends (props: never) => ReactNode ? K : never;
}[keyof Parts[P]];
/** Of a part that takes none, none: not `never`, which nobody could render. */
type Props<F> = F extends (...given: [infer P]) => unknown ? P & object : object;

/** Nothing until the part is here; *instead* while it cannot be had, by default nothing: what it does could not be either. */
export function later<P extends Part, K extends Name<P>>(
  part: P,
  name: K,
  instead: FunctionComponent | null = null,
): FunctionComponent<Props<Parts[P][K]>> {
  return (props) => {
    const shared = useShared();
    const { fetchPart } = shared;
    const [lost, lose] = useState(false);
    useEffect(() => {
      fetchPart(part).catch(() => lose(true));
    }, [fetchPart]);
    const file = shared.part(part);
    if (file) return createElement(file[name] as FunctionComponent<typeof props>, props);
    return lost && instead && createElement(instead);
  };
}
