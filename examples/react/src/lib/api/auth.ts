/** Where `hooks/useSessions.ts` expects them. */
export { getSessions, logoutAllSessions, logoutSession } from "@sojourn/web/react";
