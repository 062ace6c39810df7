/** That a list could not be fetched, and what can be done about it. */

import type { ReactNode } from "react";
import { Button } from "./Button";
import { useNow } from "./clock";
import { useShared } from "./context";
import { asFailure, codeOf, isOver, sentence } from "./errors";
import { left } from "./format";
import { DateTime } from "./RelativeTime";
import { useSessionState } from "./session";

interface Asked {
  error: unknown;
  data: unknown;
  dataUpdatedAt: number;
  errorUpdatedAt: number;
  isFetching: boolean;
  refetch: () => Promise<unknown>;
}

/** Nothing if all is well, or if the session is over, for which there is a dialog. */
export function Trouble({ query }: { query: Asked }): ReactNode {
  const { cx, say, t } = useShared();
  const { status } = useSessionState();
  const { error, data } = query;
  const over = status === "expired" || status === "signedOut";
  if (!error || codeOf(error) === "aborted" || (isOver(error) && (data || over))) return null;
  const said = sentence(t, error);
  const { requestId } = asFailure(error);
  return (
    <div className={cx("notice", data ? "warn" : "bad")} role="alert">
      <p>
        {data
          ? say("sessions.stale", {
              error: said.split(/[.。]/)[0],
              time: <DateTime at={query.dataUpdatedAt} clock />,
            })
          : said}
      </p>
      {requestId && <p className={cx("fine")}>{say("common.request", { id: requestId })}</p>}
      {!isOver(error) && <Again query={query} />}
    </div>
  );
}

/** The way to try again; shut as long as the server asked for, which counts down for the eye alone. */
function Again({ query }: { query: Asked }): ReactNode {
  const { cx, t, client } = useShared();
  const wait = (asFailure(query.error).retryAfter ?? 0) * 1000;
  // `errorUpdatedAt` is of this machine's clock, and so is the difference.
  const until = query.errorUpdatedAt + wait + (client.now() - Date.now());
  const now = useNow(wait ? until : null, wait ? 1000 : 60_000) ?? 0;
  const rest = wait ? until - now : 0;
  return (
    <Button off={rest > 0 || query.isFetching} onClick={() => query.refetch()}>
      {t("common.retry")}
      {rest > 0 && (
        <span aria-hidden="true" className={cx("count")}>
          {left(t, Math.ceil(rest / 1000) * 1000)}
        </span>
      )}
    </Button>
  );
}
