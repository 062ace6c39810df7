/** Holds the types that npm carries against the copies in api/; a change of the public face is to be seen in a review. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");

function typesIn(folder) {
  mkdirSync(join(root, folder), { recursive: true });
  const names = readdirSync(join(root, folder)).filter((name) => name.endsWith(".d.ts"));
  return new Map(
    names.sort().map((name) => [name, readFileSync(join(root, folder, name), "utf8").trimEnd()]),
  );
}

const built = typesIn("dist");
const kept = typesIn("api");
const changed = [...new Set([...built.keys(), ...kept.keys()])].filter(
  (name) => built.get(name) !== kept.get(name),
);

if (process.argv.includes("--write")) {
  for (const name of changed) {
    const path = join(root, "api", name);
    if (built.has(name)) writeFileSync(path, `${built.get(name)}\n`);
    else rmSync(path);
  }
} else if (changed.length) {
  console.error(`the public types are not those of api/: ${changed.join(", ")}`);
  console.error("if that is meant: `npm run api` in web/, and say so in CHANGELOG.md");
  process.exit(1);
}
