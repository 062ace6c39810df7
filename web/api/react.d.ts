import { C as Status, E as User, S as SessionState, T as Tokens, _ as SessionClient, a as Ended, b as SessionList, c as Entered, d as Limits, f as ListFilter, g as RequestOptions, h as Reason, i as DeviceKind, l as ErrorCode, m as Preferences$1, n as Current, o as EndedRow, p as Place, r as Device, s as Ending, t as ActivityOptions, u as History, v as SessionClientOptions, w as Time, x as SessionRow, y as SessionEvents } from "./types.js";
import * as _$react from "react";
import { ComponentType, KeyboardEvent, ReactNode } from "react";
import { QueryClient, UseMutationResult, UseQueryResult } from "@tanstack/react-query";

//#region src/react/ActiveSessions.d.ts
interface ActiveSessionsProps {
  /** Only those of an application or a tenant. */
  filter?: ListFilter;
  /** What to call applications and tenants, by id. */
  names?: Record<string, string>;
  /** Where passwords are changed. Default "/account/password". */
  passwordUrl?: string;
  /** Default true. */
  tips?: boolean;
}
declare function ActiveSessions({
  filter,
  names,
  passwordUrl,
  tips
}: ActiveSessionsProps): ReactNode;
//#endregion
//#region src/react/admin.d.ts
type AdminQuery = Parameters<SessionClient["admin"]["sessions"]>[0];
/** Everybody's sessions, as the admin API answers. Looks again every 10 s while it is visible. */
declare function useAdminSessions<T = unknown>(query?: AdminQuery): UseQueryResult<T>;
interface AdminRevocation {
  id: string;
  reason?: string;
  note?: string;
}
declare function useAdminRevoke(): UseMutationResult<unknown, Error, AdminRevocation>;
//#endregion
//#region src/react/Button.d.ts
interface ButtonProps {
  children?: ReactNode;
  tone?: "main" | "quiet" | "danger" | "plain";
  /** The whole name, where what is written alone does not say of what. */
  label?: string;
  /** Cannot be used now. Never `disabled`, which would take the focus away. */
  off?: boolean;
  /** The id of the text that says why. */
  why?: string;
  submit?: boolean;
  /** Where a dialog begins. */
  first?: boolean;
  onClick?: () => void;
}
declare function Button(props: ButtonProps): ReactNode;
//#endregion
//#region src/react/icons.d.ts
/** The icons of the dialogs. */
declare const icons: {
  readonly warning: "M12 3.5 2.5 20h19zM12 10v4.5M12 17.2v.1";
  readonly clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7.5v5l3 2";
  readonly shield: "M12 3l7.5 3v6c0 4.5-3.2 7.5-7.5 9-4.3-1.5-7.5-4.5-7.5-9V6z";
  readonly lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3";
};
//#endregion
//#region src/react/Icon.d.ts
declare const PATHS: {
  readonly desktop: "M5 5h14v10H5zM2.5 18.5h19";
  readonly mobile: "M7.5 2.5h9v19h-9zM11 18.5h2";
  readonly tablet: "M5 2.5h14v19H5zM11 18.5h2";
  readonly bot: "M5 9h14v10H5zM12 9V5M9.5 13v1.5M14.5 13v1.5M2.5 13v3M21.5 13v3";
  readonly api: "M8 7l-5 5 5 5M16 7l5 5-5 5M13.5 5l-3 14";
  readonly unknown: "M4 4h16v16H4zM9.7 9.5a2.4 2.4 0 1 1 3.4 2.2c-.8.4-1.1.9-1.1 1.8M12 16.6v.1";
  readonly refresh: "M20 5v5h-5M20 10a8 8 0 1 0 .5 4.5";
  readonly offline: "M3 3l18 18M8.5 15.5a5 5 0 0 1 7 0M5 12a10 10 0 0 1 4.5-2.5M14 9.3a10 10 0 0 1 5 2.7M12 19v.1";
  readonly undo: "M8 5 3.5 9.5 8 14M4 9.5h10a5.5 5.5 0 0 1 0 11h-3";
  readonly close: "M6 6l12 12M18 6 6 18";
};
type IconName = keyof typeof PATHS | keyof typeof icons;
interface IconProps {
  name: IconName;
}
declare function Icon(props: IconProps): ReactNode;
//#endregion
//#region src/react/Dialog.d.ts
interface DialogProps {
  title: ReactNode;
  children?: ReactNode;
  /** It interrupts: role `alertdialog`. */
  alert?: boolean;
  icon?: IconName;
  /** Escape, and whatever else the browser closes dialogs with. */
  onClose: () => void;
  onKeyDown?: (event: KeyboardEvent) => void;
}
//#endregion
//#region src/react/cards.d.ts
/** Parts for everybody, of those that are fetched later. */
declare const Preferences: _$react.FunctionComponent<object>;
declare const RecentlySignedOut: _$react.FunctionComponent<{
  days?: number;
} & object>;
declare const Dialog: _$react.FunctionComponent<DialogProps & object>;
//#endregion
//#region src/locales/en.cards.json.d.ts
declare const _exports$2: {
  "sessions.gone": string;
  "sessions.arrived": string;
  "row.undo": string;
  "row.undoOf": string;
  "row.undone": string;
  "details.method": string;
  "details.software": string;
  "details.sessions": string;
  "details.place": string;
  "details.rename": string;
  "details.name": string;
  "details.nameRule": string;
  "method.otp": string;
  "method.mfa": string;
  "method.key": string;
  "method.fed": string;
  "tips.title": string;
  "tips.review": string;
  "tips.signOut": string;
  "tips.wrong": string;
  "tips.wrongLink": string;
  "tips.unused": {
    one: string;
    other: string;
  };
  "tips.these": {
    one: string;
    other: string;
  };
  "history.title": string;
  "history.latest": {
    one: string;
    other: string;
  };
  "history.empty": string;
  "history.none": {
    one: string;
    other: string;
  };
  "ended.absolute": string;
  "ended.idle": string;
  "ended.signed_out": string;
  "ended.user": string;
  "ended.replaced": string;
  "ended.cap": string;
  "ended.replay": string;
  "ended.password_changed": string;
  "ended.password_by_admin": string;
  "ended.account_disabled": string;
  "ended.account_deleted": string;
  "ended.admin": string;
  "ended.system": string;
  "ended.reported": string;
  "ended.binding": string;
  "preferences.title": string;
  "preferences.label": string;
  "preferences.usual": string;
  "preferences.save": string;
  "preferences.saved": string;
};
//#endregion
//#region src/locales/en.dialogs.json.d.ts
declare const _exports$1: {
  "row.ask": string;
  "row.askText": string;
  "others.title": string;
  "others.text": {
    one: string;
    other: string;
  };
  "others.again": {
    one: string;
    other: string;
  };
  "others.confirm": {
    one: string;
    other: string;
  };
  "others.partly": string;
  "notMe.title": string;
  "notMe.now": string;
  "notMe.others": string;
  "notMe.password": string;
  "notMe.keep": string;
  "notMe.secure": string;
  "notMe.done": string;
  "tips.theseTitle": string;
  "tips.done": {
    one: string;
    other: string;
  };
  "expired.title": string;
  "expired.idle": string;
  "expired.inactive": string;
  "expired.absolute": string;
  "expired.signed_out": string;
  "expired.user": string;
  "expired.userFrom": string;
  "expired.replaced": string;
  "expired.cap": string;
  "expired.replay": string;
  "expired.password_changed": string;
  "expired.account_disabled": string;
  "expired.account_deleted": string;
  "expired.admin": string;
  "expired.reported": string;
  "expired.binding": string;
  "expired.other": string;
  "expired.kept": string;
  "expired.again": string;
  "expired.newTab": string;
  "expired.tip": string;
  "warning.title": string;
  "warning.text": string;
  "warning.spoken": string;
  "warning.stay": string;
  "warning.leave": string;
  "warning.tab": string;
  "warning.endTitle": string;
  "warning.end": string;
  "warning.again": string;
  "reauth.title": string;
  "reauth.text": string;
  "reauth.other": string;
  "reauth.confirm": string;
  "reauth.with": string;
  "reauth.wrong": string;
  "reauth.left": {
    one: string;
    other: string;
  };
};
//#endregion
//#region src/locales/en.json.d.ts
declare const _exports: {
  lang: string;
  dir: string;
  "sessions.title": string;
  "sessions.devices": {
    one: string;
    other: string;
  };
  "sessions.updated": string;
  "sessions.refresh": string;
  "sessions.refreshing": string;
  "sessions.loading": string;
  "sessions.slow": string;
  "sessions.only": string;
  "sessions.empty": string;
  "sessions.stale": string;
  "sessions.offline": string;
  "row.current": string;
  "row.new": string;
  "row.remembered": string;
  "row.support": string;
  "row.in": string;
  "row.for": string;
  "row.place": string;
  "row.noPlace": string;
  "row.noAddress": string;
  "row.signedIn": string;
  "row.active": string;
  "row.lastActive": string;
  "row.expires": string;
  "row.soon": string;
  "row.never": string;
  "row.signOut": string;
  "row.signOutOf": string;
  "row.notMe": string;
  "row.notMeOf": string;
  "row.signedOut": string;
  "row.signedOutOf": string;
  "details.title": string;
  "method.pwd": string;
  "kind.desktop": string;
  "kind.mobile": string;
  "kind.tablet": string;
  "kind.bot": string;
  "kind.api": string;
  "kind.unknown": string;
  "others.button": string;
  "others.done": {
    one: string;
    other: string;
  };
  "expired.bar": string;
  "expired.login": string;
  "expired.back": string;
  "status.as": string;
  "status.signIn": string;
  "common.cancel": string;
  "common.close": string;
  "common.retry": string;
  "common.request": string;
  "error.server": string;
  "time.days": {
    one: string;
    other: string;
  };
  "time.hours": {
    one: string;
    other: string;
  };
  "time.minutes": {
    one: string;
    other: string;
  };
  "time.seconds": {
    one: string;
    other: string;
  };
  "time.two": string;
  "time.moment": string;
  "ago.days": {
    one: string;
    other: string;
  };
  "ago.hours": {
    one: string;
    other: string;
  };
  "ago.minutes": {
    one: string;
    other: string;
  };
};
//#endregion
//#region src/react/messages.d.ts
type Plural = Partial<Record<Intl.LDMLPluralRule, string>>;
type MessageKey = keyof typeof _exports | keyof typeof _exports$2 | keyof typeof _exports$1;
/** `lang` says whose plural rules hold. */
type Catalogue = Record<string, string | Plural>;
type Values = Record<string, unknown>;
type Vocabulary = "signIn" | "logIn";
/** *messages* over English, so that a catalogue may lack what it does not change. English is whole after `preload()`. */
declare function merged(messages?: Partial<Catalogue>, vocabulary?: Vocabulary): Catalogue;
declare function translate(catalogue: Catalogue, key: string, values?: Values): string;
//#endregion
//#region src/react/reauth.d.ts
/** Acts for which people must have proved lately who they are. */
type Reauth = <T>(action: () => Promise<T>) => Promise<T>;
/**
 * Runs an action; if the server wants to know first who is here, asks, and runs it once more.
 * Who cancels gets an error with code "aborted", and nothing has happened.
 */
declare function useReauth(): Reauth;
//#endregion
//#region src/react/holds.d.ts
interface Holding {
  /** Sign out *row*; it can be taken back while `Hold.until` lasts. */
  hold: (row: SessionRow) => Promise<void>;
  undo: (row: SessionRow) => Promise<void>;
  /** Show it no longer. */
  forget: (id: string) => void;
}
//#endregion
//#region src/react/sessions.d.ts
interface UseSessionsOptions {
  filter?: ListFilter;
  /** ms; false: never by itself. Default 60 000, and only while the page is visible. */
  refetchInterval?: number | false;
  enabled?: boolean;
}
interface Acts extends Holding {
  /** Sign out one session, for good; says so, and never rejects. */
  logout: (id: string) => Promise<void>;
  /** Sign out all others; asks who you are if it must, says so, and never rejects. */
  logoutAll: () => Promise<void>;
  revokeOthers: () => Promise<{
    count: number;
  }>;
  /** "Not me": ends it and all sessions of that device, for good. */
  report: (id: string, options?: {
    others?: boolean;
  }) => Promise<{
    id: string;
    count: number;
  }>;
  rename: (id: string, name: string | null) => Promise<SessionRow>;
}
type UseSessionsResult = UseQueryResult<SessionList> & Acts & {
  sessions: SessionRow[] | undefined;
  count: number | undefined;
};
declare function useSessions(options?: UseSessionsOptions): UseSessionsResult;
//#endregion
//#region src/react/SessionExpiredModal.d.ts
interface SessionExpiredModalProps {
  /** The page keeps what was typed into it, and that is said. */
  keepsInput?: boolean;
}
declare function SessionExpiredModal({
  keepsInput
}: SessionExpiredModalProps): ReactNode;
//#endregion
//#region src/react/parts.d.ts
/** What stands below the list, beside it, and folded up in its lines; what asks, warns, and says that it is over. */
type Part = "cards" | "dialogs";
/**
 * The words of parts in a language whose catalogue comes in parts, too. Each may be asked more than once; another
 * object is for another language, so make it outside of what renders.
 */
type MoreMessages = { [P in Part]?: () => Promise<Partial<Catalogue>> };
/** Resolves when these parts are here; by default all. */
declare function preload(...parts: Part[]): Promise<void>;
//#endregion
//#region src/react/context.d.ts
interface Notice {
  kind: "success" | "error";
  text: string;
  /** It is to be seen where it happened already: only to be heard. */
  quiet?: boolean;
}
/** A sign-out that was asked for: under way, waiting for second thoughts, or failed. */
interface Hold {
  row: SessionRow;
  state: "ending" | "held" | "undoing" | "failed";
  /** Until when it can be undone, ms of the server's clock; null: not at all. */
  until: number | null;
  error?: unknown;
}
/** Your own instead of ours; they get the same props. */
interface Slots {
  Button?: ComponentType<ButtonProps>;
  Dialog?: ComponentType<DialogProps>;
  Icon?: ComponentType<IconProps>;
}
//#endregion
//#region src/react/keys.d.ts
type Key = readonly unknown[];
declare const keys$1: {
  readonly sessions: (filter?: ListFilter) => Key;
  readonly session: () => Key;
  readonly history: () => Key;
  readonly preferences: () => Key;
  readonly admin: (query?: object) => Key;
};
//#endregion
//#region src/react/Notices.d.ts
declare function Notices({
  fallback
}: {
  fallback?: boolean;
}): ReactNode;
//#endregion
//#region src/react/provider.d.ts
interface SessionProviderProps {
  client?: SessionClient;
  /** For the client that is made if none is given. */
  baseUrl?: string;
  /** Default: the one around this, else one of our own. */
  queryClient?: QueryClient;
  /** For dates; the words are those of `messages`. Default: the language of `messages`. */
  locale?: string;
  /** A catalogue (`@sojourn/web/locales/de.json`), or only the sentences that you want otherwise. */
  messages?: Partial<Catalogue>;
  /** If `messages` is only the first part of a catalogue (`de.first.json`): the others, when they are needed. */
  moreMessages?: MoreMessages;
  /** "Sign out" (default) or "Log out", everywhere; only English has both. */
  vocabulary?: Vocabulary;
  /** Shows what has been done, for example with sonner; default: `Notices`. */
  notify?: (notice: Notice) => void;
  /** Default "/sign-in". */
  loginUrl?: string;
  /** Keep cached data when the session is over. Default: what was one person's is forgotten. */
  keepData?: boolean;
  /** Default: `location.assign`. */
  navigate?: (url: string) => void;
  /** When somebody else has signed in. Default: `location.reload`. */
  reload?: () => void;
  onSignedOut?: (detail: SessionEvents["signedOut"]) => void;
  components?: Slots;
  /** Further class names by part: `{ row: "py-4", button: "btn" }`. */
  classNames?: Record<string, string>;
  /** None of our class names, only yours. */
  unstyled?: boolean;
  children?: ReactNode;
}
declare function SessionProvider(props: SessionProviderProps): ReactNode;
//#endregion
//#region src/react/ReauthDialog.d.ts
declare function ReauthDialog({
  fallback
}: {
  fallback?: boolean;
}): ReactNode;
//#endregion
//#region src/react/RelativeTime.d.ts
interface RelativeTimeProps {
  at: string | number | null | undefined;
  /** "ago": 2 hours ago · "active": Last active 2 hours ago · "left": 5 days, 23 hours · "expires": Expires in … */
  as?: "ago" | "active" | "left" | "expires";
}
declare function RelativeTime({
  at,
  as
}: RelativeTimeProps): ReactNode;
/** "8 Nov 2025, 17:45", in the reader's zone; with `clock` only the time of day, to the second. */
declare function DateTime({
  at,
  clock
}: {
  at: string | number;
  clock?: boolean;
}): ReactNode;
//#endregion
//#region src/react/SessionExpiryWarning.d.ts
declare function SessionExpiryWarning(): ReactNode;
//#endregion
//#region src/react/SessionStatus.d.ts
declare function SessionStatus(): ReactNode;
//#endregion
//#region src/react/Skeleton.d.ts
declare function Skeleton({
  rows
}: {
  rows?: number;
}): ReactNode;
//#endregion
//#region src/react/seeds.d.ts
/** Whom the functions here ask; null: one for "/api/auth", made when it is needed first. */
declare function setDefaultClient(given: SessionClient | null): void;
declare function getDefaultClient(): SessionClient;
/** As a `queryFn`: what a timer asks for is passive. */
declare const getSessions: () => Promise<SessionRow[]>;
declare const logoutSession: (id: string) => Promise<void>;
/** All but the one at hand; how many. */
declare const logoutAllSessions: () => Promise<{
  count: number;
}>;
declare const sessionEvents: {
  /** Called when the session has expired or was revoked; returns the way out. */subscribe: (listener: (ending: Ending) => void) => (() => void);
};
//#endregion
//#region src/react/session.d.ts
declare function useSessionState(): SessionState;
interface UseSessionResult extends Pick<SessionClient, "signIn" | "signUp" | "signOut">, Pick<UseQueryResult<Current>, "refetch"> {
  /** null: nobody is signed in, or that is not known yet (`isPending`). */
  data: SessionRow | null;
  user: User | null;
  limits: Limits | null;
  status: SessionState["status"];
  isPending: boolean;
  /** That it could not be asked; to be signed out is none. */
  error: Error | null;
}
/** Who is signed in here. */
declare function useSession(): UseSessionResult;
interface SessionExpiry {
  /** ms until the session ends if nobody is active; null: not known, or never. */
  remaining: number | null;
  endsAt: number | null;
  warning: SessionState["warning"];
  /** Say that somebody is here. */
  extend: () => Promise<void>;
}
/** When the session ends; moves by itself. */
declare function useSessionExpiry(): SessionExpiry;
//#endregion
//#region src/react/useHistory.d.ts
declare function useHistory(): UseQueryResult<History>;
//#endregion
//#region src/react/usePreferences.d.ts
type UsePreferencesResult = UseQueryResult<Preferences$1> & {
  /** Asks who is there if it must. */save: (given: {
    idle_timeout: number | null;
  }) => Promise<Preferences$1>;
};
declare function usePreferences(): UsePreferencesResult;
//#endregion
export { ActiveSessions, ActiveSessions as SessionManagement, type ActiveSessionsProps, ActivityOptions, type AdminQuery, type AdminRevocation, Button, type ButtonProps, type Catalogue, Current, DateTime, Device, DeviceKind, Dialog, type DialogProps, Ended, EndedRow, Ending, Entered, ErrorCode, History, type Hold, Icon, type IconName, type IconProps, Limits, ListFilter, type MessageKey, type MoreMessages, type Notice, Notices, type Part, Place, type Plural, Preferences, Reason, type Reauth, ReauthDialog, RecentlySignedOut, RelativeTime, type RelativeTimeProps, RequestOptions, SessionClient, SessionClientOptions, SessionEvents, SessionExpiredModal, type SessionExpiredModalProps, type SessionExpiry, SessionExpiryWarning, SessionList, SessionProvider, type SessionProviderProps, SessionRow, SessionState, SessionStatus, Skeleton, type Slots, Status, Time, Tokens, type UsePreferencesResult, type UseSessionResult, type UseSessionsOptions, type UseSessionsResult, User, type Vocabulary, getDefaultClient, getSessions, keys$1 as keys, logoutAllSessions, logoutSession, merged, preload, sessionEvents, setDefaultClient, translate, useAdminRevoke, useAdminSessions, useHistory, usePreferences, useReauth, useSession, useSessionExpiry, useSessionState, useSessions };
