/** Builds what npm carries: three entries as ES modules with their types; React and TanStack Query stay outside. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { defineConfig } from "tsdown";
import { build } from "vite";
import { stylesOnly } from "./scripts/runtime.ts";

/** Catalogues lie in the folder of the scripts, not beside it, and `de.json` there is a whole one. */
const catalogues = {
  name: "catalogues",
  transform: {
    filter: { id: /\/elements\/catalogues\.ts$/ },
    handler: (code: string): string =>
      code
        .replaceAll('new URL("../locales/', 'new URL("./locales/')
        .replaceAll(/("\.\/locales\/\w+)\.json\?/g, "$1.first.json?"),
  },
};

/** Each language in its parts, for who fetches them one by one, and whole, for who does not. */
function writeCatalogues(): void {
  mkdirSync("dist/locales", { recursive: true });
  const languages = readdirSync("src/locales").flatMap((name) => /^(\w+)\.json$/.exec(name)?.[1] ?? []);
  for (const language of languages) {
    let whole = {};
    for (const part of ["first", "cards", "dialogs"]) {
      const name = part === "first" ? language : `${language}.${part}`;
      const source = readFileSync(`src/locales/${name}.json`, "utf8");
      writeFileSync(`dist/locales/${language}.${part}.json`, source);
      whole = { ...whole, ...JSON.parse(source) };
    }
    writeFileSync(`dist/locales/${language}.json`, `${JSON.stringify(whole, null, 2)}\n`);
  }
}

export default defineConfig({
  entry: { index: "src/client/index.ts", react: "src/react/index.ts", elements: "src/elements/index.ts" },
  platform: "neutral",
  target: "es2022",
  fixedExtension: false,
  hash: false,
  dts: true,
  clean: true,
  deps: { neverBundle: [/^react(-dom)?(\/|$)/, /^@tanstack\//] },
  plugins: [catalogues],
  onSuccess: async () => {
    writeCatalogues();
    await build(stylesOnly("dist"));
  },
});
