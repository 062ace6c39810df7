/** Every language is a file of its own in the served pages, English too, and so are the words of the server's own pages. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

export function catalogues(root: string): Plugin {
  const folder = join(root, "src", "locales", "page");
  return {
    name: "catalogues",
    load: {
      filter: { id: /\/src\/locales\/en(\.\w+)?\.json$/ },
      // A page loads one language, not two; of the parts that come later, none.
      handler: (id) => (id.endsWith("/en.json") ? "{}" : "null"),
    },
    generateBundle() {
      for (const name of readdirSync(folder).sort()) {
        const source = readFileSync(join(folder, name), "utf8");
        this.emitFile({ type: "asset", fileName: `page-${name}`, source });
      }
    },
  };
}
