/**
 * Measures what a browser downloads, gzipped, against budgets.json: *first*, before anything can be used, and *later*, by
 * dynamic imports. `tests/web/test_bundle.py` does it again for the served files.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { plainImports } from "./imports.mjs";

const root = join(import.meta.dirname, "..");
const served = join(root, "..", "src", "sojourn", "web", "static");
const json = (...path) => JSON.parse(readFileSync(join(...path), "utf8"));
const gzipped = (content) => gzipSync(content, { level: 9 }).length;
const sizeOf = (name) => gzipped(readFileSync(join(served, name)));

/** What *entry* imports, and theirs, and so on; *parts* has `imports` and `dynamicImports` by name. */
function reach(parts, names, kinds) {
  const found = new Set();
  const ahead = [...names];
  for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
    if (found.has(name) || !parts[name]) continue;
    found.add(name);
    for (const kind of kinds) ahead.push(...(parts[name][kind] ?? []));
  }
  return found;
}

function measure(parts, entry, size, more = []) {
  const first = reach(parts, [entry, ...more], ["imports"]);
  const all = reach(parts, [entry], ["imports", "dynamicImports"]);
  const sum = (names) => [...names].reduce((total, name) => total + size(parts[name]), 0);
  return { first: sum(first), later: sum(all) - sum(first) };
}

/** What *names* of an entry of the npm package weigh beside what their user has anyway. */
async function alone(entry, external, names) {
  const asked = {
    name: "what a user imports",
    resolveId: (id) => (id === "asked" ? id : null),
    load: (id) => (id === "asked" ? `export ${names} from ${JSON.stringify(join(root, entry))};` : null),
  };
  const { output } = await build({
    root,
    configFile: false,
    logLevel: "error",
    plugins: [asked, plainImports()],
    build: {
      write: false,
      target: "es2022",
      modulePreload: false,
      rolldownOptions: {
        input: "asked",
        external,
        preserveEntrySignatures: "allow-extension",
        onwarn: () => {},
      },
    },
  });
  const parts = Object.fromEntries(output.map((chunk) => [chunk.fileName, chunk]));
  return measure(parts, output.find((chunk) => chunk.isEntry).fileName, (chunk) => gzipped(chunk.code));
}

const manifest = json(served, "manifest.json");
/** *more*: what it imports dynamically, and needs at once. */
const page = (entry, ...more) => measure(manifest, entry, ({ file }) => sizeOf(file), more);
const file = (name) => ({ first: sizeOf(name), later: 0 });
const peers = [/^react(-dom)?(\/|$)/, /^@tanstack\//];

/** The language that weighs most: what is needed to show anything, and what its later parts need. */
function locale() {
  const names = readdirSync(served).filter((name) => /^locale-\w+\.json$/.test(name));
  const all = names.map((name) => ({
    first: sizeOf(name),
    later: ["cards", "dialogs"].reduce(
      (sum, part) => sum + sizeOf(name.replace(".json", `.${part}.json`)),
      0,
    ),
  }));
  return {
    first: Math.max(...all.map(({ first }) => first)),
    later: Math.max(...all.map(({ later }) => later)),
  };
}

const sizes = {
  client: await alone("src/client/index.ts", [], "{ createSessionClient, SessionError }"),
  react: await alone("src/react/index.ts", [...peers, /\/client(\/|$)/], "*"),
  account: page("src/pages/account.tsx"),
  admin: page("src/pages/admin.tsx", "src/admin/pages/now.ts"),
  elements: page("src/elements/index.ts"),
  styles: file("styles.css"),
  administration: file("administration.css"),
  locale: locale(),
};

const budgets = json(root, "budgets.json");
const cell = (text) => String(text).padStart(14);
console.log(`gzip, bytes ${["first", "of", "later", "of", "together"].map(cell).join("")}`);
for (const [part, { first, later }] of Object.entries(sizes)) {
  const budget = budgets[part];
  const over = first > budget.first || later > budget.later;
  const numbers = [first, budget.first, later, budget.later, first + later].map(cell).join("");
  console.log(`${part.padEnd(12)}${numbers}${over ? "  TOO LARGE" : ""}`);
  if (over) process.exitCode = 1;
}
