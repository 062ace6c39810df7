"use client";
/** React: provider, hooks and components. */

export type * from "../client/types";
export {
  ActiveSessions,
  ActiveSessions as SessionManagement,
  type ActiveSessionsProps,
} from "./ActiveSessions";
export { type AdminQuery, type AdminRevocation, useAdminRevoke, useAdminSessions } from "./admin";
export { Button, type ButtonProps } from "./Button";
export { Dialog, Preferences, RecentlySignedOut } from "./cards";
export type { Hold, Notice, Slots } from "./context";
export type { DialogProps } from "./Dialog";
export { Icon, type IconName, type IconProps } from "./Icon";
export { keys } from "./keys";
export { type Catalogue, type MessageKey, merged, type Plural, translate, type Vocabulary } from "./messages";
export { Notices } from "./Notices";
export { type MoreMessages, type Part, preload } from "./parts";
export { SessionProvider, type SessionProviderProps } from "./provider";
export { ReauthDialog } from "./ReauthDialog";
export { DateTime, RelativeTime, type RelativeTimeProps } from "./RelativeTime";
export { type Reauth, useReauth } from "./reauth";
export { SessionExpiredModal, type SessionExpiredModalProps } from "./SessionExpiredModal";
export { SessionExpiryWarning } from "./SessionExpiryWarning";
export { SessionStatus } from "./SessionStatus";
export { Skeleton } from "./Skeleton";
export {
  getDefaultClient,
  getSessions,
  logoutAllSessions,
  logoutSession,
  sessionEvents,
  setDefaultClient,
} from "./seeds";
export {
  type SessionExpiry,
  type UseSessionResult,
  useSession,
  useSessionExpiry,
  useSessionState,
} from "./session";
export { type UseSessionsOptions, type UseSessionsResult, useSessions } from "./sessions";
export { useHistory } from "./useHistory";
export { type UsePreferencesResult, usePreferences } from "./usePreferences";
