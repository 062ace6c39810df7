/** The question who is here: by password, or by another service that the server names. */

import { type ReactNode, useRef, useState } from "react";
import { ActForm } from "./ActForm";
import { Buttons } from "./act";
import { Button } from "./Button";
import { type Question, useShared } from "./context";
import { Dialog } from "./Dialog";
import { codeOf } from "./errors";
import { here, withQuery } from "./places";
import { useSession } from "./session";

const TRIES = 3;

export function Asking({ question }: { question: Question }): ReactNode {
  const { t } = useShared();
  const cancel = () => question.resolve(false);
  const password = question.methods.includes("password");
  return (
    <Dialog title={t("reauth.title")} icon="lock" onClose={cancel}>
      <p>{t(password ? "reauth.text" : "reauth.other")}</p>
      {password ? <PasswordForm question={question} /> : null}
      <Services methods={question.methods} />
      {password ? null : (
        <Buttons>
          <Button first onClick={cancel}>
            {t("common.cancel")}
          </Button>
        </Buttons>
      )}
    </Dialog>
  );
}

function PasswordForm({ question }: { question: Question }): ReactNode {
  const { client, cx, t } = useShared();
  const field = useRef<HTMLInputElement>(null);
  const [wrong, setWrong] = useState(0);
  const act = async () => {
    try {
      await client.reauthenticate({ password: field.current?.value ?? "" });
      question.resolve(true);
    } catch (error) {
      field.current?.select();
      if (codeOf(error) !== "invalid_credentials") throw error;
      if (wrong + 1 >= TRIES) question.resolve(false);
      setWrong(wrong + 1);
    }
  };
  return (
    <ActForm act={act} yes={t("reauth.confirm")} onCancel={() => question.resolve(false)}>
      <UserName />
      <label className={cx("field")}>
        {t("method.pwd")}
        <input ref={field} {...PASSWORD} aria-invalid={wrong > 0 || undefined} />
      </label>
      {wrong > 0 && (
        <p className={cx("notice", "bad")} role="alert">
          {t("reauth.wrong")} {t("reauth.left", { count: TRIES - wrong })}
        </p>
      )}
    </ActForm>
  );
}

const PASSWORD = {
  type: "password",
  autoComplete: "current-password",
  required: true,
  maxLength: 1024,
  "data-first": true,
};

/** For password managers, which want to know whose it is. */
function UserName(): ReactNode {
  const { cx } = useShared();
  const { user } = useSession();
  const hidden = { className: cx("unseen"), readOnly: true, tabIndex: -1, "aria-hidden": true };
  return user && <input autoComplete="username" value={user.email} {...hidden} />;
}

/** By another service one confirms at its own place, and comes back to this page; the act is asked for again there. */
function Services({ methods }: { methods: string[] }): ReactNode {
  const { cx, loginUrl, say } = useShared();
  const services = methods.filter((method) => method !== "password");
  return services.map((name) => (
    <p key={name}>
      <a
        className={cx("button", "quiet")}
        href={withQuery(`${loginUrl}/with/${encodeURIComponent(name)}`, { confirm: "1", next: here() })}
      >
        {say("reauth.with", { name })}
      </a>
    </p>
  ));
}
