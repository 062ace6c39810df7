/** Where `components/ActiveSessions.tsx` expects them. */
export { getDefaultClient as apiClient, sessionEvents } from "@sojourn/web/react";
