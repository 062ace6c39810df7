/** Packs the package as npm would, and uses it from there: its files, its types in two ways of resolving, React 18 and 19. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "vite";

const root = join(import.meta.dirname, "..");
const place = join(root, "build", "samples");
const installed = join(place, "node_modules", "@sojourn", "web");
const run = (command, ...args) => execFileSync(command, args, { cwd: place, encoding: "utf8" });

function check(holds, message) {
  if (!holds) throw new Error(message);
}

/** Into a folder of its own, from the tarball: what was forgotten in `files` is missing here. */
function install() {
  rmSync(place, { recursive: true, force: true });
  mkdirSync(installed, { recursive: true });
  const [{ filename }] = JSON.parse(run("npm", "pack", root, "--json", "--ignore-scripts"));
  run("tar", "-xzf", filename, "-C", installed, "--strip-components=1");
}

function checkFiles() {
  const files = readdirSync(installed, { recursive: true }).filter((name) => /\.\w+$|LICENSE$/.test(name));
  const foreign = files.filter((name) => !/^(dist\/|LICENSE$|README\.md$|package\.json$)/.test(name));
  check(foreign.length === 0, `the package carries what nobody needs: ${foreign.join(", ")}`);
  for (const name of ["LICENSE", "README.md", "dist/index.js", "dist/styles.css", "dist/locales/en.json"]) {
    check(files.includes(name), `the package lacks ${name}`);
  }
  for (const name of files.filter((file) => file.endsWith(".js"))) checkScript(name);
}

function checkScript(name) {
  const path = join(installed, name);
  const code = readFileSync(path, "utf8");
  for (const [, file] of code.matchAll(/new URL\("(\.[^"]+)", import\.meta\.url\)/g)) {
    check(
      existsSync(join(dirname(path), file.split("?")[0])),
      `${name} refers to ${file}, which is not in the package`,
    );
  }
  if (basename(name) === "react.js") check(code.startsWith('"use client"'), `${name} is no client module`);
}

/** `paths` chooses the React whose types count; both are installed here under names of their own. */
function checkTypes(resolution, react) {
  const types = join(root, "node_modules", react === 18 ? "types-react-18" : "@types/react");
  const options = {
    ...{
      target: "ES2022",
      lib: ["ES2023", "DOM", "DOM.Iterable"],
      jsx: "react-jsx",
      strict: true,
      noEmit: true,
    },
    ...{ module: resolution === "node16" ? "node16" : "esnext", moduleResolution: resolution, types: [] },
    ...{ resolveJsonModule: true, skipLibCheck: false },
    paths: { react: [`${types}/index.d.ts`], "react/*": [`${types}/*.d.ts`] },
  };
  writeFileSync(
    join(place, "tsconfig.json"),
    JSON.stringify({ compilerOptions: options, files: ["app.tsx"] }),
  );
  try {
    run(join(root, "node_modules", ".bin", "tsc"), "-p", "tsconfig.json", "--pretty", "false");
  } catch (error) {
    throw new Error(`types under ${resolution} and React ${react}:\n${error.stdout}`);
  }
}

/** Built as an application's server would build it, and rendered without a window. */
async function checkRendering(react) {
  const suffix = react === 18 ? "-18" : "";
  const alias = [
    { find: /^react(?=\/|$)/, replacement: join(root, "node_modules", `react${suffix}`) },
    { find: /^react-dom(?=\/|$)/, replacement: join(root, "node_modules", `react-dom${suffix}`) },
  ];
  const outDir = join(place, `react-${react}`);
  await build({
    root: place,
    configFile: false,
    logLevel: "error",
    resolve: { alias },
    ssr: { noExternal: true },
    build: { ssr: "server.tsx", outDir, rolldownOptions: { onwarn: () => {} } },
  });
  const { html, version } = await import(pathToFileURL(join(outDir, "server.js")).href);
  check(version.startsWith(`${react}.`), `rendered by React ${version} instead of ${react}`);
  check(html.includes("sojourn-"), `React ${react} rendered nothing of ours: ${html}`);
}

install();
checkFiles();
for (const name of ["app.tsx", "server.tsx"]) {
  writeFileSync(join(place, name), readFileSync(join(root, "samples", name)));
}
writeFileSync(join(place, "package.json"), JSON.stringify({ type: "module", private: true }));
for (const react of [18, 19]) {
  for (const resolution of ["bundler", "node16"]) checkTypes(resolution, react);
  await checkRendering(react);
}
console.log("the package: files, types under bundler and node16, React 18 and 19");
