/** Bearer mode: what the hint cookie would say, and the tokens, in storage that the tabs share. */

import { type Hint, type Memory, markOf } from "./hint.ts";
import type { SessionClientOptions } from "./types.ts";

export function bearerMemory({ channel: key = "", storage: given }: SessionClientOptions): Memory {
  const storage = given ?? local();
  let own: string | null = null; // where storage is forbidden or full, this tab still works
  const read = (): Hint | null => {
    try {
      return JSON.parse(own ?? storage?.getItem(key) ?? "null");
    } catch {
      return null;
    }
  };
  const write = (text: string) => {
    own = null;
    try {
      storage?.setItem(key, text);
    } catch {}
    if (text !== "null" && !read()) own = text;
  };
  return {
    visible: true,
    read,
    mark: () => markOf(read()),
    bump() {},
    keep({ user, session, server_now, access_token, refresh_token }) {
      const before = read();
      const facts = session && {
        idleEnd: Date.parse(session.expires_at),
        end: Date.parse(session.ends_at),
        user: user?.id ?? "-",
        session: session.id,
      };
      const serverNow = Date.parse(server_now ?? "") || Date.now();
      const generation = (before?.generation ?? 0) + 1;
      const refresh = refresh_token ?? before?.refresh;
      write(JSON.stringify({ ...before, ...facts, serverNow, generation, access: access_token, refresh }));
    },
    drop() {
      write("null");
      storage?.removeItem(key);
    },
  };
}

function local(): Storage | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined; // forbidden in this frame
  }
}
