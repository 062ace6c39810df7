/** Type-checks the TypeScript in the pages for readers: each block is a module of its own, and has to be a whole one. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

const root = join(import.meta.dirname, "..");
const place = join(root, "build", "documentation");
const repository = join(root, "..");

const pages = [join(root, "README.md"), join(repository, "README.md")].concat(
  readdirSync(join(repository, "docs"), { recursive: true })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(repository, "docs", name)),
);

/** Lines keep their numbers, so that a complaint leads to the page. */
function blocksOf(page) {
  const text = readFileSync(page, "utf8");
  return [...text.matchAll(/^```(tsx?)\n(.*?)^```/gms)].map(({ index, 1: kind, 2: code }) => {
    const before = text.slice(0, index).split("\n").length;
    const name = relative(repository, page).replace(/\W+/g, "-");
    return { file: `${name}.${before}.${kind}`, code: `${"\n".repeat(before)}${code}export {};\n` };
  });
}

const OPTIONS = {
  extends: "../../tsconfig.json",
  compilerOptions: {
    types: [],
    noUnusedLocals: false,
    paths: {
      "@sojourn/web": ["../../src/client/index.ts"],
      "@sojourn/web/react": ["../../src/react/index.ts"],
      "@sojourn/web/elements": ["../../src/elements/index.ts"],
      "@sojourn/web/locales/*.first": ["../../src/locales/*.json"],
      "@sojourn/web/locales/*": ["../../src/locales/*.json"],
    },
  },
  include: [".", "../../samples/modules.d.ts"],
};

rmSync(place, { recursive: true, force: true });
mkdirSync(place, { recursive: true });
const ours = pages.filter((page) => readFileSync(page, "utf8").includes("@sojourn/web"));
const blocks = ours.flatMap(blocksOf);
for (const { file, code } of blocks) writeFileSync(join(place, file), code);
writeFileSync(join(place, "tsconfig.json"), JSON.stringify(OPTIONS));

if (blocks.length === 0) throw new Error("no TypeScript in any page: are they where this script looks?");
try {
  execFileSync(join(root, "node_modules", ".bin", "tsc"), ["-p", place, "--pretty", "false"], {
    encoding: "utf8",
  });
} catch (error) {
  console.error(`the TypeScript of the documentation (page.line.kind):\n${error.stdout}`);
  process.exit(1);
}
console.log(`the TypeScript of the documentation: ${blocks.length} blocks in ${ours.length} pages`);
