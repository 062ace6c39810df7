/** A typed emitter. Listeners run later, so that no lock and no request ever waits for them. */

export interface Emitter<Events> {
  /** Returns the way out. */
  on<E extends keyof Events>(event: E, listener: (detail: Events[E]) => void): () => void;
  emit<E extends keyof Events>(event: E, detail: Events[E]): void;
}

type Listener = (detail: never) => void;

/** What a listener throws goes to *onError*; the other listeners are told all the same. */
export function createEmitter<Events>(onError: (error: unknown) => void): Emitter<Events> {
  const all = new Map<keyof Events, Set<{ told: Listener }>>();
  return {
    on(event, listener) {
      const entry = { told: listener as Listener }; // an object, so that one function can listen twice
      const entries = all.get(event) ?? new Set();
      all.set(event, entries.add(entry));
      return () => void entries.delete(entry);
    },
    emit(event, detail) {
      queueMicrotask(() => {
        for (const entry of [...(all.get(event) ?? [])]) {
          if (!all.get(event)?.has(entry)) continue; // unsubscribed by one before it
          try {
            entry.told(detail as never);
          } catch (error) {
            onError(error);
          }
        }
      });
    },
  };
}
