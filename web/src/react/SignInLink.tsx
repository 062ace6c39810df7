/** The way to the page where people sign in, and from there back to this one. */

import type { ReactNode } from "react";
import { useShared } from "./context";
import { here, withQuery } from "./places";

export function SignInLink({ children }: { children: ReactNode }): ReactNode {
  const { cx, loginUrl } = useShared();
  return (
    <a
      className={cx("button", "main")}
      href={loginUrl}
      onClick={(event) => {
        // Made when it is needed: the page may have moved on since.
        event.currentTarget.href = withQuery(loginUrl, { next: here() });
      }}
    >
      {children}
    </a>
  );
}
