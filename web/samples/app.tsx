/** An application as somebody would write it who has only the package and its types. */
import { createSessionClient, type SessionClient, SessionError } from "@sojourn/web";
import de from "@sojourn/web/locales/de";
import { ActiveSessions, SessionExpiredModal, SessionProvider, useSessions } from "@sojourn/web/react";

export const client: SessionClient = createSessionClient({ baseUrl: "/api/auth", push: false });

export function codeOf(error: unknown): string {
  return error instanceof SessionError ? error.code : "unknown";
}

function HowMany(): React.JSX.Element {
  const { sessions, isLoading, logout, logoutAll, refetch } = useSessions();
  const first = sessions?.[0];
  return (
    <p>
      {isLoading ? "…" : sessions?.length}
      <button type="button" onClick={() => void refetch()} />
      <button type="button" onClick={() => first && logout(first.id)} />
      <button type="button" onClick={() => logoutAll()} />
    </p>
  );
}

export function App(): React.JSX.Element {
  return (
    <SessionProvider client={client} locale="de-AT" messages={de} loginUrl="/login">
      <HowMany />
      <ActiveSessions />
      <SessionExpiredModal keepsInput />
    </SessionProvider>
  );
}
