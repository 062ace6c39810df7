/** Sessions as a table: sorted, chosen from, and revoked. */

import { type ReactNode, useState } from "react";
import { Button } from "../../react/Button";
import { useShared } from "../../react/context";
import { title } from "../../react/devices";
import type { AdminRow } from "../wire";
import { reasonOf } from "../words";
import { AddressCell, DeviceCell, WhoCell, whoseIs } from "./Device";
import { Scrolls } from "./Scrolls";
import { When } from "./When";

type Sort = [name: string, down: boolean];

const BY: Record<string, (row: AdminRow) => string> = {
  User: (row) => whoseIs(row).toLowerCase(),
  "Signed in": (row) => row.created_at,
  "Last active": (row) => row.seen_at,
  Expires: (row) => row.ended_at ?? row.expires_at,
};

/** By what a column says; what is equal stays as it came. */
export function sorted(rows: AdminRow[], [name, down]: Sort): AdminRow[] {
  const by = BY[name] ?? (() => "");
  const order = (a: AdminRow, b: AdminRow) => (by(a) < by(b) ? -1 : by(a) > by(b) ? 1 : 0);
  return [...rows].sort((a, b) => (down ? order(b, a) : order(a, b)));
}

export interface SessionsTableProps {
  rows: AdminRow[];
  caption: string;
  /** Ids of what is chosen, and how to choose; without them nothing can be. */
  chosen?: ReadonlySet<string>;
  choose?: (chosen: Set<string>) => void;
  /** Without it nothing can be revoked. */
  revoke?: (row: AdminRow) => void;
  /** It is one user's. */
  without?: "User";
}

export const isLive = (row: AdminRow): boolean => row.state === "active";

export function SessionsTable(props: SessionsTableProps): ReactNode {
  const { rows, caption, chosen, choose, revoke, without } = props;
  const { cx } = useShared();
  const [sort, setSort] = useState<Sort>(["Signed in", true]);
  const heads = ["User", "Device", "Address", "Signed in", "Last active", "Expires"];
  return (
    <Scrolls kind="sessions" label={caption}>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {choose && <ChooseAll rows={rows} chosen={chosen} choose={choose} />}
            {heads
              .filter((head) => head !== without)
              .map((head) => (
                <Head key={head} name={head} sort={sort} onSort={setSort} />
              ))}
            {revoke && (
              <th scope="col">
                <span className={cx("unseen")}>Action</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {sorted(rows, sort).map((row) => (
            <Row key={row.id} {...props} row={row} />
          ))}
        </tbody>
      </table>
    </Scrolls>
  );
}

function Head({ name, sort, onSort }: { name: string; sort: Sort; onSort: (sort: Sort) => void }): ReactNode {
  const { cx } = useShared();
  const [by, down] = sort;
  if (!BY[name]) return <th scope="col">{name}</th>;
  const here = by === name;
  return (
    <th scope="col" aria-sort={here ? (down ? "descending" : "ascending") : undefined}>
      <button
        type="button"
        className={cx("sort")}
        onClick={() => onSort([name, here ? !down : name !== "User"])}
      >
        {name} <span aria-hidden="true">{here ? (down ? "▾" : "▴") : ""}</span>
      </button>
    </th>
  );
}

function ChooseAll({
  rows,
  chosen,
  choose,
}: Required<Pick<SessionsTableProps, "rows" | "choose">> & { chosen?: ReadonlySet<string> }): ReactNode {
  const { cx } = useShared();
  const live = rows.filter(isLive);
  const all = live.length > 0 && live.every(({ id }) => chosen?.has(id));
  return (
    <th scope="col" className={cx("check")}>
      <label>
        <input
          type="checkbox"
          aria-label="Select all on this page"
          checked={all}
          onChange={() => choose(new Set(all ? [] : live.map(({ id }) => id)))}
        />
      </label>
    </th>
  );
}

function Row({ row, chosen, choose, revoke, without }: SessionsTableProps & { row: AdminRow }): ReactNode {
  const { cx } = useShared();
  const whose = `session of ${whoseIs(row)} on ${title(row.device)}`;
  const live = isLive(row);
  return (
    <tr className={cx(chosen?.has(row.id) && "chosen")}>
      {choose && <Choice row={row} chosen={chosen} choose={choose} label={`Select the ${whose}`} />}
      {without !== "User" && (
        <th scope="row">
          <WhoCell row={row} />
        </th>
      )}
      <td>
        <DeviceCell row={row} />
      </td>
      <td>
        <AddressCell row={row} />
      </td>
      <td>
        <When at={row.created_at} />
      </td>
      <td>
        <When at={row.seen_at} />
      </td>
      <td>{live ? <When at={row.expires_at} as="left" /> : <Over row={row} />}</td>
      {revoke && (
        <td className={cx("act")}>
          {live && (
            <Button tone="danger" label={`Revoke ${whose}`} onClick={() => revoke(row)}>
              Revoke
            </Button>
          )}
        </td>
      )}
    </tr>
  );
}

function Over({ row }: { row: AdminRow }): ReactNode {
  if (row.state === "held") return "Revoked, can be undone";
  return (
    <>
      Ended {row.ended_at && <When at={row.ended_at} />}
      <small>{row.reason ? reasonOf(row.reason) : "By time"}</small>
    </>
  );
}

interface ChoiceProps {
  row: AdminRow;
  chosen?: ReadonlySet<string>;
  choose: (chosen: Set<string>) => void;
  label: string;
}

function Choice({ row, chosen, choose, label }: ChoiceProps): ReactNode {
  const { cx } = useShared();
  const toggle = () => {
    const next = new Set(chosen);
    if (!next.delete(row.id)) next.add(row.id);
    choose(next);
  };
  return (
    <td className={cx("check")}>
      {isLive(row) && (
        <label>
          <input
            type="checkbox"
            aria-label={label}
            checked={chosen?.has(row.id) ?? false}
            onChange={toggle}
          />
        </label>
      )}
    </td>
  );
}
