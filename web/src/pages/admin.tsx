/** The script of the pages for administrators: takes over what the server rendered, and keeps it live. */
import { QueryClient } from "@tanstack/react-query";
import { createElement, type ReactElement } from "react";
import { AdminApp } from "../admin/App";
import { seed } from "../admin/data";
import type { Boot, PageName } from "../admin/wire";
import { createSessionClient } from "../client";
import { wordsOf } from "../elements/catalogues";
import { takeOver } from "../elements/takeover";
import { SessionExpiredModal, SessionExpiryWarning, SessionProvider } from "../react";
import { pageTime } from "./boot";

const now = () => import("../admin/pages/now");
const found = () => import("../admin/pages/found");

/** A page loads its own half of the script, and not that of the others. */
const PAGES: Record<PageName, () => Promise<ReactElement>> = {
  overview: async () => createElement((await now()).Overview),
  alerts: async () => createElement((await now()).AlertsPage),
  sessions: async () => createElement((await found()).SessionsPage),
  users: async () => createElement((await found()).UsersPage),
  user: async () => createElement((await found()).UserPage),
  revoke: async () => createElement((await found()).RevokePage),
  everyone: async () => createElement((await found()).RevokePage, { everyone: true }),
};

/** These pages are in English; so are the words of the parts that they share with the others. */
async function adminPage(boot: Boot): Promise<ReactElement> {
  const [words, page] = await Promise.all([wordsOf("en"), PAGES[boot.page]()]);
  const client = createSessionClient({ baseUrl: boot.base_url, mode: "cookie" });
  return (
    <SessionProvider
      {...words}
      client={client}
      queryClient={seed(new QueryClient(), boot, pageTime())}
      locale="en-GB"
      loginUrl={boot.login_url}
    >
      <AdminApp boot={boot}>{page}</AdminApp>
      <SessionExpiredModal />
      <SessionExpiryWarning />
    </SessionProvider>
  );
}

async function start(): Promise<void> {
  const container = document.getElementById("sojourn-admin");
  const block = document.getElementById("sojourn-boot");
  if (!container || !block) return;
  takeOver(container).render(await adminPage(JSON.parse(block.textContent ?? "") as Boot));
}

void start();
