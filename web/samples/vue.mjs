/** Builds the application that the guide to the elements shows for Vue, as its reader would: node vue.mjs <folder> */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "vite";

const root = join(import.meta.dirname, "..");
const place = join(root, "build", "vue"); // where what is installed here is found
const outDir = resolve(process.argv[2]);

const guide = readFileSync(join(root, "..", "docs", "how-to", "custom-elements.md"), "utf8");
const [, chapter] = guide.split("## In Vue\n");

function shown(kind) {
  const block = new RegExp(`^\`\`\`${kind}\\n(.*?)^\`\`\``, "ms").exec(chapter);
  if (block === null) throw new Error(`the guide shows no ${kind} for Vue`);
  return block[1];
}

rmSync(place, { recursive: true, force: true });
mkdirSync(place, { recursive: true });
writeFileSync(join(place, "vite.config.js"), shown("js"));
writeFileSync(join(place, "App.vue"), shown("vue"));
writeFileSync(
  join(place, "main.js"),
  'import { createApp } from "vue";\nimport App from "./App.vue";\n\ncreateApp(App).mount("#app");\n',
);

const packaged = ["elements", "styles.css"].map((name) => ({
  find: `@sojourn/web/${name}`,
  replacement: join(root, "dist", name.includes(".") ? name : `${name}.js`),
}));

await build({
  root: place,
  base: "./",
  configFile: join(place, "vite.config.js"),
  logLevel: "error",
  resolve: { alias: [...packaged, { find: /^@sojourn\/web$/, replacement: join(root, "dist", "index.js") }] },
  build: {
    outDir,
    emptyOutDir: true,
    modulePreload: false,
    rolldownOptions: {
      input: join(place, "main.js"),
      output: { entryFileNames: "main.js", assetFileNames: "[name][extname]" },
    },
  },
});
