// The checks of `useSession`: with `better-auth/react` as it is published, on a page of React in happy-dom.
import { Window } from "happy-dom";
import { given, say } from "./given.mjs";

const settings = { navigation: { disableMainFrameNavigation: true } }; // the address changes, and nothing is loaded
const window = new Window({ url: `${given.origin}/`, settings });
const { document, navigator, localStorage } = window;
for (const [name, value] of Object.entries({ window, document, navigator, localStorage })) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

// After the page is there: what they import looks for it.
const { createAuthClient } = await import("better-auth/react");
const { World, run } = await import("./better_auth_world.mjs");
await import("./better_auth_store.mjs");
say(await run(new World(given, createAuthClient), 1)); // there is one page
process.exit(0);
