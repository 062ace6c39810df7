/** The search for sessions and its filters, all of them in the address. */

import { type ReactNode, useId, useRef } from "react";
import { useShared } from "../../react/context";
import { move } from "../address";
import { useAdmin } from "../context";
import { KINDS, LEAST, STATES, useTyping } from "../search";
import { useSlash } from "./Keys";

export interface FiltersProps {
  params: URLSearchParams;
  /** Of what is over nothing can be revoked. */
  only?: "live";
}

export function Filters({ params, only }: FiltersProps): ReactNode {
  const { cx } = useShared();
  const { boot } = useAdmin();
  const search = useTyping("q", params);
  const land = useTyping("country", params);
  const submit = () => {
    search.settle();
    land.settle();
  };
  return (
    <form
      className={cx("filters")}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <SearchField search={search} label="Search user, address, device or session id" />
      {!only && <Choice name="state" label="State" params={params} among={STATES} />}
      <Choice name="kind" label="Device" params={params} among={KINDS} />
      <label className={cx("field", "short")}>
        Country
        <input
          value={land.text}
          maxLength={2}
          placeholder="Any"
          autoComplete="off"
          autoCapitalize="characters"
          onInput={(event) => land.type(event.currentTarget.value.toUpperCase())}
          onBlur={land.settle}
        />
      </label>
      <Choice name="application_id" label="Application" params={params} among={boot.applications} />
      <Choice name="tenant_id" label="Tenant" params={params} among={boot.tenants} />
    </form>
  );
}

interface SearchFieldProps {
  search: ReturnType<typeof useTyping>;
  label: string;
}

export function SearchField({ search, label }: SearchFieldProps): ReactNode {
  const { cx } = useShared();
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  useSlash(field);
  const few = search.text.trim().length === 1;
  return (
    <label className={cx("field", "grow")}>
      {label}
      <input
        ref={field}
        type="search"
        value={search.text}
        maxLength={100}
        autoComplete="off"
        spellCheck={false}
        aria-describedby={few ? id : undefined}
        onInput={(event) => search.type(event.currentTarget.value)}
        onBlur={search.settle}
      />
      {few && <small id={id}>Type at least {LEAST} characters.</small>}
    </label>
  );
}

interface ChoiceProps {
  name: string;
  label: string;
  params: URLSearchParams;
  /** Without "" it can be any. */
  among: Record<string, string>;
}

function Choice({ name, label, params, among }: ChoiceProps): ReactNode {
  const { cx } = useShared();
  const choices = "" in among ? among : { "": "Any", ...among };
  if (Object.keys(choices).length < 2) return null;
  return (
    <label className={cx("field", "short")}>
      {label}
      <select
        value={params.get(name) ?? ""}
        onChange={(event) => move({ [name]: event.currentTarget.value, after: null })}
      >
        {Object.entries(choices).map(([code, words]) => (
          <option key={code} value={code}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}
