/** Accounts: found by e-mail address or name. */

import type { ReactNode } from "react";
import type { User } from "../../client";
import { Button } from "../../react/Button";
import { useShared } from "../../react/context";
import { move, useParams } from "../address";
import { CardFailure, Waiting } from "../charts/Card";
import { useHref } from "../context";
import { useUsers } from "../data";
import { SearchField } from "../parts/Filters";
import { Pager } from "../parts/Pager";
import { Scrolls } from "../parts/Scrolls";
import { When } from "../parts/When";
import { LEAST, useTyping } from "../search";
import { counted } from "../words";

export function UsersPage(): ReactNode {
  const { cx } = useShared();
  const params = useParams();
  const search = useTyping("search", params);
  const wanted = params.get("search") ?? "";
  const after = params.get("after");
  const query = useUsers(wanted.length < LEAST ? "" : wanted, after ?? undefined);
  const { data } = query;
  return (
    <>
      <h1>Users</h1>
      <section className={cx("card")} aria-label="Users">
        <form
          className={cx("filters")}
          onSubmit={(event) => {
            event.preventDefault();
            search.settle();
          }}
        >
          <SearchField search={search} label="E-mail address or name" />
        </form>
        <CardFailure queries={[query]} what="list" />
        <p className={cx("fine", "found")} role="status">
          {data && !query.isPlaceholderData && `${counted(data.count, "account")} in all`}
        </p>
        {!data && !query.error && <Waiting />}
        {data && !data.users.length && <Nothing search={wanted} />}
        {data && data.users.length > 0 && <UsersTable users={data.users} search={wanted} />}
        <Pager next={data?.next ?? null} after={after} />
      </section>
    </>
  );
}

function Nothing({ search }: { search: string }): ReactNode {
  const { cx } = useShared();
  if (!search) return <p className={cx("empty")}>No users yet.</p>;
  return (
    <p className={cx("empty")}>
      Nothing matches <bdi>“{search}”</bdi>.{" "}
      <Button onClick={() => move({ search: null, after: null })}>Clear filters</Button>
    </p>
  );
}

export const roleOf = ({ role }: User): string => ({ admin: "Administrator", user: "User" })[role] ?? role;

function UsersTable({ users, search }: { users: User[]; search: string }): ReactNode {
  const href = useHref();
  const caption = search ? `Users that match “${search}”, newest first` : "Users, newest first";
  return (
    <Scrolls label={caption}>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            <th scope="col">User</th>
            <th scope="col">Name</th>
            <th scope="col">Role</th>
            <th scope="col">Since</th>
          </tr>
        </thead>
        <tbody>
          {users.map((user) => (
            <tr key={user.id}>
              <th scope="row">
                <a href={href(`/admin/users/${encodeURIComponent(user.id)}`)}>
                  <bdi>{user.email}</bdi>
                </a>
              </th>
              <td>
                <bdi>{user.name}</bdi>
              </td>
              <td>
                {roleOf(user)}
                {user.disabled && " (disabled)"}
              </td>
              <td>
                <When at={user.created_at} as="date" />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolls>
  );
}
