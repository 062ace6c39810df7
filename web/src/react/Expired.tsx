/** Why the session is over, and the way back in; closed, what remains is a bar. */

import { type ReactNode, useState } from "react";
import type { Ending } from "../client/types";
import { Buttons } from "./act";
import { Button } from "./Button";
import { useShared } from "./context";
import { Dialog } from "./Dialog";
import type { MessageKey } from "./messages";
import { here, withQuery } from "./places";
import type { SessionExpiredModalProps } from "./SessionExpiredModal";
import { useSession } from "./session";
import { span } from "./spans";

export function Expired({ ending, keepsInput }: SessionExpiredModalProps & { ending: Ending }): ReactNode {
  const [closed, close] = useState<Ending>();
  if (closed === ending) return <Bar ending={ending} />;
  return <Modal {...{ ending, keepsInput }} onClose={() => close(ending)} />;
}

interface ModalProps extends SessionExpiredModalProps {
  ending: Ending;
  onClose: () => void;
}

function Modal({ ending, keepsInput, onClose }: ModalProps): ReactNode {
  const { cx, say, t, navigate } = useShared();
  const url = useLogin(ending);
  const idle = useIdleTimeout(ending);
  return (
    <Dialog title={t("expired.title")} icon="warning" alert onClose={onClose}>
      <p>{useWhy(ending)}</p>
      {keepsInput && <p>{t("expired.kept")}</p>}
      <Buttons>
        <Button
          tone="main"
          first
          onClick={() => {
            navigate(url());
            onClose(); // where a router goes there, this is still the same page
          }}
        >
          {t("expired.again")}
        </Button>
        <a className={cx("button", "quiet")} href={url()} target="_blank" rel="noopener">
          {t("expired.newTab")}
        </a>
        <Button onClick={onClose}>{t("common.close")}</Button>
      </Buttons>
      {idle && <p className={cx("fine")}>{say("expired.tip", { span: idle })}</p>}
    </Dialog>
  );
}

/** What remains when the dialog is closed: the page can be read, and says where it stands. */
function Bar({ ending }: { ending: Ending }): ReactNode {
  const { cx, t, navigate, loginUrl } = useShared();
  const url = useLogin(ending);
  if (isHere(loginUrl)) return null;
  return (
    <div className={cx("bar")} role="status">
      {t("expired.bar")}
      <Button tone="main" onClick={() => navigate(url())}>
        {t("expired.login")}
      </Button>
    </div>
  );
}

/** Made when it is needed: the page may have moved on since. */
function useLogin(ending: Ending): () => string {
  const { loginUrl } = useShared();
  return () => withQuery(loginUrl, { next: here(), reason: ending.reason ?? ending.code });
}

/** The real one, or none at all. */
function useIdleTimeout(ending: Ending): string | null {
  const { t } = useShared();
  const { limits } = useSession();
  const seconds = (ending.reason === "idle" ? ending.limit : null) ?? limits?.idle_timeout;
  return seconds ? span(t, seconds * 1000) : null;
}

function useWhy(ending: Ending): ReactNode {
  const { say, t } = useShared();
  const { limits } = useSession();
  const idle = useIdleTimeout(ending);
  const { code, reason, device, limit } = ending;
  if (reason === "idle") return idle ? t("expired.idle", { span: idle }) : t("expired.inactive");
  if (reason === "user" && device) return say("expired.userFrom", { device });
  const life = limit ?? limits?.lifetime;
  if (reason === "absolute" && life) return t("expired.absolute", { span: span(t, life * 1000) });
  const key = `expired.${code === "refresh_reused" ? "replay" : reason}` as MessageKey;
  const said = t(key);
  return said === key || reason === "absolute" ? t("expired.other") : said;
}

/** Whether this page is that of *url*, whatever the query says. */
function isHere(url: string): boolean {
  const { pathname, origin, hash } = new URL(url, location.href);
  return pathname === location.pathname && origin === location.origin && hash === location.hash;
}
