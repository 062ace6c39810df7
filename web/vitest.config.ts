/** Tests run on React, and with `UI_RUNTIME=preact` on what the served pages run on. */
import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

const own = (name: string): string => resolve(import.meta.dirname, "test/preact", name);

const preact = {
  "@testing-library/react": "@testing-library/react/dist/@testing-library/react.esm.js",
  "react-dom/client": own("react-dom.ts"),
  "react-dom/test-utils": own("react-dom.ts"),
  "react-dom": own("react-dom.ts"),
  "react/jsx-runtime": "preact/jsx-runtime",
  "react/jsx-dev-runtime": "preact/jsx-dev-runtime",
  react: own("react.ts"),
};

const onPreact = process.env.UI_RUNTIME === "preact";

export default defineConfig({
  resolve: { alias: onPreact ? preact : {} },
  test: {
    environment: "jsdom",
    include: ["test/**/*.test.{ts,tsx}"],
    exclude: onPreact ? ["**/server*.test.*"] : [], // nothing that runs on Preact is rendered on a server
    restoreMocks: true,
    server: { deps: { inline: onPreact ? [/@testing-library\/react/, /@tanstack/] : [] } },
  },
});
