/** Web Locks, for efficiency only: nothing may depend on getting one. */

/**
 * Run *act* with the lock *name*; without it after *wait* ms, or where there are no locks.
 * A frozen tab keeps its lock for ever, so every wait needs an end.
 */
export async function withLock<T>(name: string, wait: number, act: () => Promise<T>): Promise<T> {
  const locks = globalThis.navigator?.locks;
  if (!locks) return act();
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), wait);
  let granted = false;
  try {
    return await locks.request(name, { signal: patience.signal }, () => {
      granted = true;
      clearTimeout(timer);
      return act();
    });
  } catch (error) {
    if (granted) throw error;
    return act();
  } finally {
    clearTimeout(timer);
  }
}
