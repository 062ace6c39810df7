/** `vite dev` stands before a running demo: its pages, but with the scripts and the styles of this working copy. */
import type { Plugin, ProxyOptions } from "vite";

const DEMO = process.env.DEMO ?? "http://127.0.0.1:8000";

/** What the pages load from `/assets/<digest>/`, and what stands for it. */
const SOURCES: Record<string, string> = {
  "account.js": "/src/pages/account.tsx",
  "admin.js": "/src/pages/admin.tsx",
  "elements.js": "/src/elements/index.ts",
};
const SCRIPT = /\/assets\/[0-9a-f]{12}\/((?:account|admin|elements)\.js)$/;
const STYLES = /\/assets\/[0-9a-f]{12}\/styles\.css$/;

export function workingCopy(): Plugin {
  return {
    name: "working-copy",
    apply: "serve",
    configureServer({ middlewares }) {
      middlewares.use((request, response, next) => {
        const script = SCRIPT.exec(request.url ?? "")?.[1];
        if (STYLES.test(request.url ?? "")) request.url = "/src/styles/index.css?direct";
        if (script === undefined) return next();
        response.setHeader("Content-Type", "text/javascript");
        response.end(`import "/@vite/client"; import "${SOURCES[script]}";`);
      });
    },
  };
}

/** Everything that is not a source goes to the demo, as if the browser had asked it. */
export const proxy: Record<string, ProxyOptions> = {
  "^/(?!@|src/|node_modules/)": {
    target: DEMO,
    changeOrigin: true,
    configure: (through) => {
      through.on("proxyReq", (asked) => {
        if (asked.getHeader("origin")) asked.setHeader("origin", DEMO);
      });
      through.on("proxyRes", (answer) => {
        delete answer.headers["content-security-policy"]; // Vite's own client writes markup and styles
      });
    },
  },
};
