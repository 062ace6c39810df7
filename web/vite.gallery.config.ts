/** Builds the gallery: every state of every component on a page that needs no server. */
import { resolve } from "node:path";
import { defineConfig } from "vite";
import { ALIASES, CSS_TARGET, chosenRuntime, quietly } from "./scripts/runtime.ts";

const root = import.meta.dirname;

export default defineConfig({
  root: resolve(root, "gallery"),
  base: "./",
  publicDir: false,
  resolve: { alias: ALIASES[chosenRuntime()] },
  build: {
    target: "es2022",
    cssTarget: CSS_TARGET,
    outDir: resolve(root, "build/gallery"),
    emptyOutDir: true,
    modulePreload: false,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: { onwarn: quietly },
  },
});
