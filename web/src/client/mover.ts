/** Whether the token moved meanwhile. */

import type { Core } from "./core.ts";

/** A test of whether the token is another one than *before*. A token that is gone has not moved. */
export function mover({ memory }: Core, before: string): () => boolean {
  return () => !["", before].includes(memory.mark());
}
