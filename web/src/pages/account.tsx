/** The script of the account page: takes over the list that the server rendered, and keeps it live. */
import { type ReactElement, type ReactNode, useLayoutEffect } from "react";
import { createSessionClient } from "../client";
import { wordsOf } from "../elements/catalogues";
import { retire, takeOver } from "../elements/takeover";
import {
  ActiveSessions,
  Preferences,
  RecentlySignedOut,
  SessionExpiredModal,
  SessionExpiryWarning,
  SessionProvider,
} from "../react";
import { useShared } from "../react/context";
import { type Boot, pageTime, readBoot, seededCache } from "./boot";

/** What the server has put below the list stays, and works, until the cards that stand there are here. */
function Retiring({ retired }: { retired: () => void }): ReactNode {
  const here = useShared().part("cards") !== undefined;
  useLayoutEffect(() => {
    if (here) retired();
  }, [here, retired]);
  return null;
}

/** Without its words nothing is taken over: the server's page works, and speaks the reader's language. */
async function accountPage(boot: Boot, retired: () => void): Promise<ReactElement> {
  const words = await wordsOf(boot.locale);
  const client = createSessionClient({ baseUrl: boot.base_url, mode: "cookie", list: boot.sessions });
  return (
    <SessionProvider
      {...words}
      client={client}
      queryClient={seededCache(boot, pageTime())}
      locale={boot.locale}
      loginUrl={boot.login_url}
    >
      <ActiveSessions names={boot.names} passwordUrl={boot.password_url} />
      <RecentlySignedOut days={boot.days} />
      <Preferences />
      <Retiring retired={retired} />
      <SessionExpiredModal />
      <SessionExpiryWarning />
    </SessionProvider>
  );
}

async function start(): Promise<void> {
  const container = document.getElementById("sojourn-account");
  const boot = readBoot(document);
  if (!container || !boot) return;
  const below = [...container.querySelectorAll(":scope > section")].slice(1);
  const { host, render } = takeOver(container, below);
  render(await accountPage(boot, () => retire(below, host)));
}

void start();
