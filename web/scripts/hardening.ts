/** Takes out of the libraries what the served pages must not do, and what they never do. */
import type { Plugin } from "vite";

const WRITES_MARKUP =
  /\w+\|\|\w+&&\((\w+)\.__html==\w+\.__html\|\|\1\.__html==(\w+)\.innerHTML\)\|\|\(\2\.innerHTML=\1\.__html\)/;

/** The one place of Preact that writes markup: our pages run where no string may become markup. */
export function withoutMarkup(): Plugin {
  return {
    name: "without-markup",
    transform: {
      filter: { id: /\/preact\/dist\/preact\.mjs$/ },
      handler(code) {
        const hardened = code.replace(WRITES_MARKUP, "0");
        if (hardened.includes("innerHTML")) {
          this.error("preact writes markup elsewhere than it did: look again at scripts/hardening.ts");
        }
        return { code: hardened, map: null };
      },
    },
  };
}

/** Lists without end, which every query of TanStack could be, and none of ours is. */
export function withoutInfinity(): Plugin {
  return {
    name: "without-infinity",
    load: {
      filter: { id: /\/query-core\/build\/modern\/infiniteQueryBehavior\.js$/ },
      handler: () => `
        const absent = () => { throw new Error("not in these pages"); };
        export { absent as hasNextPage, absent as hasPreviousPage, absent as infiniteQueryBehavior };`,
    },
  };
}
