/**
 * Takes out of the lock what names hosts; `npm ci` goes by name, version and digest. With --check it only says so.
 * A path names another lock than that of this folder.
 */
import { readFileSync, writeFileSync } from "node:fs";

const given = process.argv.slice(2).find((argument) => !argument.startsWith("--"));
const path = given ?? new URL("../package-lock.json", import.meta.url);
const before = readFileSync(path, "utf8");
const lock = JSON.parse(before);

for (const entry of Object.values(lock.packages)) {
  const local = entry.resolved?.startsWith("file:");
  for (const field of local ? ["funding"] : ["funding", "resolved"]) delete entry[field];
  if (entry.deprecated?.includes("://")) delete entry.deprecated;
}

const after = `${JSON.stringify(lock, null, 2)}\n`;
if (after.includes("://"))
  throw new Error("package-lock.json still names a host; scripts/lock.mjs does not know the field");
const unlocked = Object.entries(lock.packages).filter(
  ([name, { integrity, link, resolved }]) => name && !link && !integrity && !resolved,
);
if (unlocked.length)
  throw new Error(`no digest in package-lock.json: ${unlocked.map(([name]) => name).join(", ")}`);

if (before === after) process.exit();
if (process.argv.includes("--check"))
  throw new Error("package-lock.json names hosts: run `npm run lock` in web/");
writeFileSync(path, after);
