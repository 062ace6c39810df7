/** Leaves `import()` to the browser: Vite's wrapper loads style sheets of what is imported, and ours has none. */

const HELPER = "\0vite/preload-helper.js";

/** @returns {import("vite").Plugin} */
export function plainImports() {
  return {
    name: "plain-imports",
    enforce: "pre",
    load: (id) => (id === HELPER ? "export const __vitePreload = (load) => load();" : null),
  };
}
