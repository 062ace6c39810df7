/** The warning itself: counts down, and asks whether somebody is still there. */

import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import type { SessionState } from "../client/types";
import { Buttons, useAct } from "./act";
import { Button } from "./Button";
import { useNow } from "./clock";
import { useShared } from "./context";
import { Dialog } from "./Dialog";
import { left, timeOfDay } from "./format";
import { here, withQuery } from "./places";
import { clock } from "./spans";

type Warning = NonNullable<SessionState["warning"]>;

/** Seconds before the end at which it is said aloud; in between, a voice that counts is only noise. */
const SPOKEN = [120, 60, 30, 20];

export function Expiring({ warning }: { warning: Warning }): ReactNode {
  const [closed, close] = useState<number>();
  if (closed === warning.endsAt) return null;
  if (warning.kind === "idle") return <Idle warning={warning} />;
  return <Absolute warning={warning} onClose={() => close(warning.endsAt)} />;
}

const NO_ANSWER = new Set(["Tab", "Shift", "Control", "Alt", "Meta", "Enter", " "]);

function Idle({ warning }: { warning: Warning }): ReactNode {
  const { client, cx, say, t } = useShared();
  const rest = useRest(warning.endsAt);
  const { busy, run: stay } = useAct(() => client.extend());
  const { run: leave } = useAct(() => client.signOut());
  // Any key means that somebody is there; Enter and Space belong to the button that has the focus.
  const keyDown = (event: KeyboardEvent) => void (NO_ANSWER.has(event.key) || stay());
  const shown = (
    <span aria-hidden="true" className={cx("count")}>
      {clock(rest)}
    </span>
  );
  return (
    <Dialog title={t("warning.title")} icon="clock" alert onClose={stay} onKeyDown={keyDown}>
      <p>{say("warning.text", { clock: shown })}</p>
      <Spoken rest={rest} />
      <Buttons>
        <Button tone="main" first off={busy} onClick={stay}>
          {t("warning.stay")}
        </Button>
        <Button onClick={leave}>{t("warning.leave")}</Button>
      </Buttons>
    </Dialog>
  );
}

function Absolute({ warning, onClose }: { warning: Warning; onClose: () => void }): ReactNode {
  const { t, locale, say, navigate, loginUrl } = useShared();
  useRest(warning.endsAt);
  const again = () => navigate(withQuery(loginUrl, { next: here() }));
  return (
    <Dialog title={t("warning.endTitle")} icon="clock" alert onClose={onClose}>
      <p>{say("warning.end", { time: timeOfDay(locale, warning.endsAt, "short") })}</p>
      <Buttons>
        <Button first onClick={onClose}>
          {t("common.close")}
        </Button>
        <Button tone="main" onClick={again}>
          {t("warning.again")}
        </Button>
      </Buttons>
    </Dialog>
  );
}

/** ms that are left, each second; meanwhile the title of a tab that nobody looks at says so too. */
function useRest(endsAt: number): number {
  const { t } = useShared();
  const now = useNow(endsAt, 1000) ?? endsAt;
  useEffect(() => {
    const title = document.title;
    const mark = () => {
      document.title = document.hidden ? t("warning.tab", { title }) : title;
    };
    mark();
    document.addEventListener("visibilitychange", mark);
    return () => {
      document.removeEventListener("visibilitychange", mark);
      document.title = title;
    };
  }, [t]);
  return Math.max(0, endsAt - now);
}

function Spoken({ rest }: { rest: number }): ReactNode {
  const { cx, t } = useShared();
  const lowest = useRef(Number.POSITIVE_INFINITY);
  const crossed = SPOKEN.findLast((seconds) => rest <= seconds * 1000);
  // Nothing is said twice where an answer puts the clock right by a little.
  lowest.current = Math.min(lowest.current, crossed ?? Number.POSITIVE_INFINITY);
  const due = SPOKEN.find((seconds) => seconds === lowest.current);
  const began = useRef(due);
  // What the dialog opens with is read with the dialog.
  const said = due !== began.current && due;
  return (
    <p className={cx("unseen")} aria-live="assertive">
      {t("warning.spoken", { left: left(t, (said || due || SPOKEN[0] || 0) * 1000) })}
    </p>
  );
}
