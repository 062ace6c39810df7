/** The same with the components of the package. */
import { ActiveSessions, Preferences, RecentlySignedOut } from "@sojourn/web/react";

export const Security = () => (
  <>
    <h1>Security</h1>
    <ActiveSessions />
    <RecentlySignedOut />
    <Preferences />
  </>
);
