/** What was signed out lately, why and by whom. */

import { type ReactNode, useId } from "react";
import type { EndedRow } from "../client/types";
import { useShared } from "./context";
import { title } from "./devices";
import { Icon } from "./Icon";
import { Line } from "./Line";
import type { MessageKey, Translate } from "./messages";
import { DateTime } from "./RelativeTime";
import { Skeleton } from "./Skeleton";
import { span } from "./spans";
import { Trouble } from "./Trouble";
import { useHistory } from "./useHistory";

/** *days*: how far back the server looks; without it, that is not said. */
export function RecentlySignedOut({ days }: { days?: number }): ReactNode {
  const { cx, t } = useShared();
  const id = useId();
  const query = useHistory();
  const rows = query.data?.sessions;
  return (
    <section className={cx("card")} aria-labelledby={id}>
      <h2 id={id}>{t("history.title")}</h2>
      <Trouble query={query} />
      {!rows && !query.isError && query.isFetching && <Skeleton rows={1} />}
      {rows && rows.length > 0 && (
        <ul className={cx("rows", "past")}>
          {rows.map((row) => (
            <Row key={row.id} row={row} />
          ))}
        </ul>
      )}
      {rows && <Span any={rows.length > 0} days={days} />}
    </section>
  );
}

function Span({ any, days }: { any: boolean; days?: number }): ReactNode {
  const { cx, t } = useShared();
  if (any && !days) return null;
  const said = days ? t(any ? "history.latest" : "history.none", { count: days }) : t("history.empty");
  return <p className={cx("fine")}>{said}</p>;
}

function Row({ row }: { row: EndedRow }): ReactNode {
  const { cx, t } = useShared();
  return (
    <li className={cx("row")}>
      <Icon name={row.device.kind} />
      <div className={cx("what")}>
        <p className={cx("name")}>
          <span className={cx("unseen")}>{t(`kind.${row.device.kind}`)}: </span>
          <bdi>{title(row.device)}</bdi>
        </p>
        <Line facts={[ending(t, row), <DateTime key="at" at={row.ended_at} />]} />
      </div>
    </li>
  );
}

/** Why and by whom; an administrator's name is none of the reader's. */
function ending(t: Translate, row: EndedRow): string {
  const { reason, by, created_at, expires_at, ends_at } = row;
  if (!reason) {
    if (Date.parse(expires_at) < Date.parse(ends_at)) return t("ended.idle");
    return t("ended.absolute", { span: span(t, Date.parse(ends_at) - Date.parse(created_at)) });
  }
  if (reason === "password_changed" && by !== "user") return t("ended.password_by_admin");
  const key = `ended.${reason}` as MessageKey;
  const said = t(key);
  return said === key ? t("ended.system") : said;
}
