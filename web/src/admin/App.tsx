/** The page for administrators that the server's page is about. */

import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { useShared } from "../react/context";
import { useStore } from "../react/store";
import { AdminContext, createAdmin, useAdmin } from "./context";
import { Bar } from "./parts/Bar";
import type { Boot } from "./wire";

export interface AdminAppProps {
  boot: Boot;
  /** What the page is about. */
  children: ReactNode;
}

export function AdminApp({ boot, children }: AdminAppProps): ReactNode {
  const [admin] = useState(() => createAdmin(boot));
  return (
    <AdminContext.Provider value={admin}>
      <Allowed>{children}</Allowed>
    </AdminContext.Provider>
  );
}

function Allowed({ children }: { children: ReactNode }): ReactNode {
  const { cx } = useShared();
  const { refused } = useAdmin();
  const out = useStore(refused);
  const queryClient = useQueryClient();
  useEffect(() => {
    if (out) queryClient.removeQueries({ queryKey: ["sojourn", "admin"] });
  }, [out, queryClient]);
  if (out) {
    return (
      <div className={cx("admin")}>
        <h1>Not allowed</h1>
        <p role="alert">You need the administrator role to see this page.</p>
      </div>
    );
  }
  return (
    <div className={cx("admin")}>
      <Bar />
      {children}
    </div>
  );
}
