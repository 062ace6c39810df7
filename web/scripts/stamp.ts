/** Writes BUILD.json: what the bundle was made from, with what, and what came out. `tests/web/test_bundle.py` holds it to that. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

/** Files and folders below `web/` that change what comes out. */
const INPUTS = ["package-lock.json", "package.json", "scripts", "src", "tsconfig.json", "vite.config.ts"];

/** Their versions are those of the lock, so that another machine's Node makes the same file. */
const TOOLS = ["@tanstack/react-query", "preact", "react", "rolldown", "vite"];

const STAMP = "BUILD.json";

function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

function filesBelow(root: string, path: string): string[] {
  const children = readdirSync(join(root, path), { withFileTypes: true });
  return children.flatMap((child) =>
    child.isDirectory() ? filesBelow(root, `${path}/${child.name}`) : [`${path}/${child.name}`],
  );
}

/** By code unit, as Python sorts ASCII. */
function inputsOf(root: string): string[] {
  return INPUTS.flatMap((name) => (/\.\w+$/.test(name) ? [name] : filesBelow(root, name))).sort();
}

/** One digest over the names and the contents of all inputs, with the line ends of this repository. */
function digestOf(root: string, names: string[]): string {
  const whole = createHash("sha256");
  for (const name of names) {
    const text = readFileSync(join(root, name), "utf8").replaceAll("\r\n", "\n");
    whole.update(`${name}\n${sha256(text)}\n`);
  }
  return whole.digest("hex");
}

function versionsOf(root: string): Record<string, string> {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const version = (name: string): string =>
    (packages[`node_modules/vite/node_modules/${name}`] ?? packages[`node_modules/${name}`]).version;
  return Object.fromEntries(TOOLS.map((name) => [name, version(name)]));
}

/** The names that the build before wrote. */
function writtenBefore(folder: string): string[] {
  const stamp = join(folder, STAMP);
  return existsSync(stamp) ? Object.keys(JSON.parse(readFileSync(stamp, "utf8")).outputs) : [];
}

/** Also removes what an earlier build wrote and this one does not; anything else in the folder is not ours. */
export function stamp(root: string, runtime: string): Plugin {
  return {
    name: "stamp",
    writeBundle({ dir }, bundle) {
      if (dir === undefined) throw new Error("the bundle goes to no folder");
      const names = Object.keys(bundle).sort();
      for (const name of writtenBefore(dir))
        if (!names.includes(name)) rmSync(join(dir, name), { force: true });
      const inputs = inputsOf(root);
      const made = {
        runtime,
        tools: versionsOf(root),
        inputs: { files: inputs.length, sha256: digestOf(root, inputs) },
        outputs: Object.fromEntries(names.map((name) => [name, sha256(readFileSync(join(dir, name)))])),
      };
      writeFileSync(join(dir, STAMP), `${JSON.stringify(made, null, 2)}\n`);
    },
  };
}
