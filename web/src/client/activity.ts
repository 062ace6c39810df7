/** Whether a person is here: the only thing that extends a session. */

import { type Core, INFINITE, post } from "./core.ts";
import { json } from "./request.ts";
import type { Scope } from "./scope.ts";

const SIGNS = "pointerdown pointermove keydown wheel scroll touchstart";
const RESOLUTION = 1_000;
const SHARE_EVERY = 30_000;
const RETRY = 10_000;
/** A tab that is seen but not used leaves the extension to the one that is used, for so long. */
const COURTESY = 2_000;

export interface Activity {
  watch(scope: Scope): void;
  /** Extend if it is time to and somebody was here. */
  tick(): void;
  /** ms until the next tick that may do something. */
  due(): number;
  /** A person was here at *at*; *told*: and the server knows. */
  heard(at: number, told: boolean): void;
}

/** Who is warned answers on purpose: the way to a button is no answer, and what the button does is its own. */
const answers = ({ type, target }: Event): boolean =>
  type !== "pointermove" && !(target as Element | null)?.closest?.("dialog button");

export function createActivity(core: Core): Activity {
  const { options } = core;
  const { every, within } = options.activity || {};
  let last = Date.now();
  let told = last; // that the page was opened is known to the server
  let extended = last;
  let shared = 0;
  let pause = 0;
  let busy = false;

  const period = () => every ?? (core.state.limits?.activity_every ?? 300) * 1_000;
  const span = () => within ?? (core.state.limits?.idle_timeout ?? 900) * 1_000;
  const when = () => Math.max(extended + period() + (document.hasFocus() ? 0 : COURTESY), pause);

  /** Extend, one at a time, and not again at once after a failure. */
  async function tell(): Promise<void> {
    if (busy || core.state.status !== "signedIn") return;
    busy = true;
    const at = last;
    try {
      const idle_ms = Math.max(0, Date.now() - at);
      await json(core, `${options.baseUrl}/activity`, { method: "POST", body: { idle_ms }, passive: true });
      core.live?.told(at, true);
    } catch {
      pause = Date.now() + RETRY;
    } finally {
      busy = false;
      core.live?.changed(); // the next time is another one now
    }
  }

  function heard(at: number, known: boolean): void {
    const now = Date.now();
    last = Math.max(last, Math.min(at, now));
    if (!known) return;
    told = Math.max(told, at);
    extended = now;
  }

  function sign(event: Event): void {
    const now = Date.now();
    const gap = now - last;
    const first = last <= told;
    const asked = core.state.warning?.kind === "idle";
    if (!event.isTrusted || (gap >= 0 && gap < RESOLUTION) || (asked && !answers(event))) return;
    last = now;
    if (now - shared >= SHARE_EVERY) {
      shared = now;
      post(core, { is: "active", at: now });
    }
    if (now >= pause && (gap > period() || asked)) tell();
    else if (first) core.live?.changed();
  }

  function tick(): void {
    const now = Date.now();
    if (Math.max(last, extended) > now) {
      last = told = extended = now; // the clock was set back: what we knew of the time is void
      pause = shared = 0;
    }
    const due = last > told && now - last < span() && now >= when();
    if (!due || options.activity === false || document.visibilityState !== "visible") return;
    const { locks } = navigator;
    if (document.hasFocus() || !locks) tell();
    else
      locks
        .request(`${options.channel}:activity`, { ifAvailable: true }, (lock) => lock && tell())
        .catch(() => {});
  }

  return {
    watch: (scope) => scope.listen(window, SIGNS, sign),
    tick,
    due: () => (last > told ? when() - Date.now() : INFINITE),
    heard,
  };
}
