/** Builds the scripts and styles of the served pages into the Python package; `vite dev` stands before a demo. */
import { resolve } from "node:path";
import { defineConfig } from "vite";
import { catalogues } from "./scripts/catalogues.ts";
import { proxy, workingCopy } from "./scripts/dev.ts";
import { withoutInfinity, withoutMarkup } from "./scripts/hardening.ts";
import { plainImports } from "./scripts/imports.mjs";
import { licences } from "./scripts/licences.ts";
import { ALIASES, CSS_TARGET, chosenRuntime, quietly } from "./scripts/runtime.ts";
import { stamp } from "./scripts/stamp.ts";

const root = import.meta.dirname;
const runtime = chosenRuntime();

/** What runs on React is for comparison, and stays out of the Python package. */
const OUT_DIR = { preact: "../src/sojourn/web/static", react: "build/react" };

export default defineConfig({
  root,
  base: "./", // served below an address that changes with the content, and behind whatever prefix
  publicDir: false,
  appType: "custom",
  resolve: { alias: ALIASES[runtime] },
  plugins: [
    ...(runtime === "preact" ? [withoutMarkup()] : []),
    withoutInfinity(),
    plainImports(),
    catalogues(root),
    licences(),
    stamp(root, runtime),
    workingCopy(),
  ],
  server: { proxy },
  build: {
    target: "es2022",
    cssTarget: CSS_TARGET,
    outDir: resolve(root, process.env.OUT_DIR ?? OUT_DIR[runtime]),
    emptyOutDir: false, // other files live there; the stamp removes what is no longer made
    manifest: "manifest.json",
    modulePreload: false,
    assetsInlineLimit: 0, // no data: addresses; the policy of the pages does not allow them
    reportCompressedSize: false,
    rolldownOptions: {
      input: {
        account: "src/pages/account.tsx",
        admin: "src/pages/admin.tsx",
        administration: "src/styles/admin.css",
        client: "src/client/index.ts", // for pages of other people's making; ours import the same file
        elements: "src/elements/index.ts",
        styles: "src/styles/index.css",
      },
      onwarn: quietly,
      preserveEntrySignatures: "allow-extension",
      output: {
        entryFileNames: "[name].js",
        chunkFileNames: "[name].js",
        assetFileNames: ({ names }) =>
          names[0]?.endsWith(".json") ? "locale-[name].json" : "[name][extname]",
        codeSplitting: {
          groups: [
            { name: "client", test: /\/src\/client\//, tags: ["$initial"], priority: 1 },
            { name: "shared", minShareCount: 2, tags: ["$initial"] },
          ],
        },
        comments: false,
      },
    },
  },
});
