/** `npm run build` into dist/, which app.py serves; `npm run dev` stands before a running app.py. */
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const SERVER = "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": fileURLToPath(new URL("src", import.meta.url)) } },
  build: { assetsDir: "static" }, // /assets is the server's own
  server: {
    proxy: {
      "/api": {
        target: SERVER,
        changeOrigin: true,
        // The server takes requests that change something from its own origin alone.
        headers: { origin: SERVER },
      },
    },
  },
});
