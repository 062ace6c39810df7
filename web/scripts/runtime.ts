/** What the builds have in common; above all what stands for React: with Preact the served pages weigh half as much. */

import { resolve } from "node:path";
import type { InlineConfig } from "vite";

export type Runtime = "preact" | "react";

const lean = (name: string): string => resolve(import.meta.dirname, "../src/runtime", name);

const preact: Record<string, string> = {
  "react-dom/client": lean("react-dom.ts"),
  "react/jsx-runtime": "preact/jsx-runtime",
  "react/jsx-dev-runtime": "preact/jsx-dev-runtime",
  react: lean("react.ts"),
};

export const ALIASES: Record<Runtime, Record<string, string>> = { preact, react: {} };

export function chosenRuntime(): Runtime {
  const name = process.env.UI_RUNTIME ?? "preact";
  if (name !== "preact" && name !== "react") throw new Error("UI_RUNTIME is preact or react");
  return name;
}

/** "use client" means nothing in a bundle. */
export function quietly(warning: { code?: string }, warn: (warning: never) => void): void {
  if (warning.code !== "MODULE_LEVEL_DIRECTIVE") warn(warning as never);
}

/** Browsers that know `light-dark()`: it is passed through, not imitated. */
export const CSS_TARGET: string[] = ["chrome123", "firefox120", "safari17.5"];

/** The style sheet of the npm package; the served one is made from the same entry. */
export function stylesOnly(outDir: string): InlineConfig {
  return {
    configFile: false,
    logLevel: "error",
    publicDir: false,
    build: {
      outDir,
      emptyOutDir: false,
      cssTarget: CSS_TARGET,
      rolldownOptions: {
        input: { styles: "src/styles/index.css" },
        output: { assetFileNames: "[name][extname]" },
      },
    },
  };
}
