/** "Sign out automatically if inactive for …": one's own limit, within what the policy allows. */

import { type ReactNode, useEffect, useId, useRef } from "react";
import type { Preferences as Wishes } from "../client/types";
import { ActForm } from "./ActForm";
import { useShared } from "./context";
import { span } from "./spans";
import { Trouble } from "./Trouble";
import { type UsePreferencesResult, usePreferences } from "./usePreferences";

export function Preferences(): ReactNode {
  const { cx, t } = useShared();
  const id = useId();
  const query = usePreferences();
  return (
    <section className={cx("card")} aria-labelledby={id}>
      <h2 id={id}>{t("preferences.title")}</h2>
      <Trouble query={query} />
      {query.data && <Form key={String(query.data.idle_timeout)} wishes={query.data} save={query.save} />}
    </section>
  );
}

function Form({ wishes, save }: { wishes: Wishes; save: UsePreferencesResult["save"] }): ReactNode {
  const { cx, notify, t } = useShared();
  const field = useRef<HTMLSelectElement>(null);
  const { idle_timeout, choices } = wishes;
  const act = () => save({ idle_timeout: Number(field.current?.value) || null });
  const done = () => notify({ kind: "success", text: t("preferences.saved") });
  useEffect(() => {
    if (field.current) field.current.value = String(idle_timeout ?? "");
  }, [idle_timeout]);
  const offered = [...new Set([...choices, ...(idle_timeout ? [idle_timeout] : [])])].sort((a, b) => a - b);
  return (
    <ActForm act={act} done={done} yes={t("preferences.save")} tone="quiet">
      <label className={cx("field")}>
        {t("preferences.label")}
        <select ref={field}>
          <option value="">{t("preferences.usual")}</option>
          {offered.map((seconds) => (
            <option key={seconds} value={seconds}>
              {span(t, seconds * 1000)}
            </option>
          ))}
        </select>
      </label>
    </ActForm>
  );
}
