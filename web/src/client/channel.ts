/** Messages between the tabs of a browser. They are hints: whoever hears one looks for itself. */

import type { Core } from "./core.ts";
import type { Scope } from "./scope.ts";
import type { Ending } from "./types.ts";

export type Message =
  /** The token moved. */
  | { is: "refreshed" }
  /** A refresh failed; nobody should try again for *wait* ms. */
  | { is: "cooling"; mark: string; wait: number; code: string; status: number; retryAfter: number | null }
  /** A person did something at *at*; *told*: and the server knows. The ends are as the server then gave them. */
  | { is: "active"; at: number; told?: boolean; idleEndsAt?: number | null; endsAt?: number | null }
  | { is: "expired"; ending: Ending }
  | { is: "signedIn" }
  | { is: "signedOut" }
  /** Does anybody hold the event stream? */
  | { is: "asking" }
  /** What the event stream said to the tab that holds it. */
  | { is: "pushed"; event: string; data: string; id: string };

/** Hear the other tabs until *scope* closes, or what this returns is called. */
export function listen({ options, id }: Core, scope: Scope, hear: (message: Message) => void): () => void {
  /** Another program of this origin may use the same name for messages of its own. */
  const ours = (data: unknown) => {
    const [message, from] = Array.isArray(data) ? data : [];
    if (typeof message?.is === "string" && from !== id) hear(message);
  };
  if (typeof BroadcastChannel !== "undefined") {
    const line = new BroadcastChannel(options.channel);
    line.onmessage = ({ data }) => ours(data);
    return scope.add(() => line.close());
  }
  const listener = ({ key, newValue }: StorageEvent) => {
    if (key === `${options.channel}:line` && newValue) ours(JSON.parse(newValue));
  };
  addEventListener("storage", listener);
  return scope.add(() => removeEventListener("storage", listener));
}
