/** Where `SessionExpiredModal` leads: it says why people are here (`reason`) and where they were (`next`). */
import { useSession } from "@sojourn/web/react";
import { type FormEvent, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { Button } from "@/components/ui/button";

const REASONS: Record<string, string> = {
  idle: "Your session has expired because you were inactive. Please sign in again.",
  absolute: "Your session has expired. Please sign in again.",
  user: "You signed this device out from another one. Please sign in again.",
};
const OTHER_REASON = "Your session has ended. Please sign in again.";

/** Whoever wrote the link, it leads nowhere but into this application. */
function inside(next: string | null): string {
  const url = URL.canParse(next ?? "", location.origin) ? new URL(next ?? "", location.origin) : null;
  return url?.origin === location.origin ? url.pathname + url.search + url.hash : "/";
}

export function SignIn() {
  const [query] = useSearchParams();
  const navigate = useNavigate();
  const { signIn, signUp } = useSession();
  const [error, setError] = useState("");
  const reason = query.get("reason");

  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const form = new FormData(event.currentTarget, (event.nativeEvent as SubmitEvent).submitter);
    const given = { email: String(form.get("email")), password: String(form.get("password")) };
    try {
      await (form.get("verb") === "signUp" ? signUp(given) : signIn(given));
      navigate(inside(query.get("next")), { replace: true });
    } catch (failure) {
      setError((failure as Error).message);
    }
  }

  return (
    <form className="card" onSubmit={submit}>
      <h1>Sign in</h1>
      {reason && <p role="status">{REASONS[reason] ?? OTHER_REASON}</p>}
      {error && <p role="alert">{error}</p>}
      <label>
        Email <input name="email" type="email" autoComplete="username" required />
      </label>
      <label>
        Password <input name="password" type="password" autoComplete="current-password" required />
      </label>
      <div className="flex gap-2">
        <Button type="submit">Sign in</Button>
        <Button type="submit" name="verb" value="signUp" variant="ghost">
          Create an account
        </Button>
      </div>
    </form>
  );
}
