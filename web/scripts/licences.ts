/** Writes LICENSES.txt: who wrote what else is in the bundle, and on which terms it may be passed on. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Plugin } from "vite";

const RULE = "-".repeat(78);

/** The folder of the package that a module belongs to; null for our own. */
function packageOf(moduleId: string): string | null {
  const path = moduleId.replace(/^\0/, "").replace(/\?.*$/, "");
  if (!path.includes("/node_modules/")) return null;
  let folder = dirname(path);
  while (!namesPackage(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}

/** Folders inside packages have a package.json too, but only the package's own says its version. */
function namesPackage(path: string): boolean {
  return existsSync(path) && "version" in JSON.parse(readFileSync(path, "utf8"));
}

function termsOf(folder: string): string {
  const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((name) => /^licen[cs]e(\.\w+)?$/i.test(name));
  if (file === undefined) throw new Error(`${about.name} comes without its licence text`);
  const text = readFileSync(join(folder, file), "utf8").replaceAll("\r\n", "\n").trim();
  return `${about.name} ${about.version} (${about.license})\n\n${text}`;
}

export function licences(): Plugin {
  return {
    name: "licences",
    generateBundle(_, bundle) {
      const folders = new Set<string>();
      for (const chunk of Object.values(bundle)) {
        const ids = chunk.type === "chunk" ? chunk.moduleIds : [];
        for (const folder of ids.map(packageOf)) if (folder) folders.add(folder);
      }
      const head = "The scripts in this folder contain, besides what is Sojourn's own:";
      const source = `${[head, ...[...folders].map(termsOf).sort()].join(`\n\n${RULE}\n\n`)}\n`;
      this.emitFile({ type: "asset", fileName: "LICENSES.txt", source });
    },
  };
}
