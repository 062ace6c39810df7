/** What is open and must be closed again: listeners, timers, channels, connections, locks. */

export interface Scope {
  /** Remember how to close something; returns a function that closes it, once. */
  add(close: () => void): () => void;
  listen(target: EventTarget, types: string, listener: (event: Event) => void): void;
  close(): void;
  readonly size: number;
}

/** Passive, so that scrolling never waits for us; capturing, so that nobody can stop an event before it. */
const QUIET = { passive: true, capture: true };

export function createScope(): Scope {
  const open = new Set<() => void>();
  const add = (close: () => void) => {
    const once = () => {
      if (open.delete(once)) close();
    };
    open.add(once);
    return once;
  };
  return {
    add,
    listen(target, types, listener) {
      for (const type of types.split(" ")) {
        target.addEventListener(type, listener, QUIET);
        add(() => target.removeEventListener(type, listener, QUIET));
      }
    },
    close() {
      for (const close of [...open]) close();
    },
    get size() {
      return open.size;
    },
  };
}
