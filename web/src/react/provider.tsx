/** The one place that owns the client: started with the tree, stopped with it, its news turned into fresh data. */

import { QueryClient, QueryClientContext, QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, type RefObject, useContext, useEffect, useMemo, useRef, useState } from "react";
import { createSessionClient } from "../client/index";
import type { SessionClient, SessionEvents } from "../client/types";
import { type Notice, SessionContext, type Shared, type Slots } from "./context";
import { type Catalogue, rich, translate, type Vocabulary } from "./messages";
import { Notices } from "./Notices";
import type { MoreMessages } from "./parts";
import { ReauthDialog } from "./ReauthDialog";
import { refresh } from "./sessions";
import { createStore } from "./store";
import { useWords } from "./words";

export interface SessionProviderProps {
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

export function SessionProvider(props: SessionProviderProps): ReactNode {
  const [client] = useState(() => props.client ?? createSessionClient({ baseUrl: props.baseUrl }));
  const around = useContext(QueryClientContext);
  const [queryClient] = useState(() => props.queryClient ?? around ?? new QueryClient());
  const shared = useSharedValue(client, props);
  useNews(client, queryClient, shared, props);
  return (
    <QueryClientProvider client={queryClient}>
      <SessionContext.Provider value={shared}>
        {props.children}
        <Notices fallback />
        <ReauthDialog fallback />
      </SessionContext.Provider>
    </QueryClientProvider>
  );
}

function useSharedValue(client: SessionClient, props: SessionProviderProps): Shared {
  const { locale, loginUrl = "/sign-in", classNames, unstyled, components } = props;
  const words = useWords(props);
  const { catalogue } = words;
  const latest = useRef({ props, catalogue });
  latest.current = { props, catalogue };
  const [stores] = useState(() => ({
    board: createStore<Shared["board"] extends { get(): infer T } ? T : never>([]),
    boards: createStore(0),
    holds: createStore<Shared["holds"] extends { get(): infer T } ? T : never>([]),
    question: createStore<Shared["question"] extends { get(): infer T } ? T : never>(null),
    askers: createStore(0),
  }));
  // biome-ignore lint/correctness/useExhaustiveDependencies: `words` is another one each time, its parts are not
  return useMemo<Shared>(
    () => ({
      ...stores,
      ...words,
      client,
      loginUrl,
      locale: locale ?? String(catalogue.lang),
      // Of what has come meanwhile, too: an act that takes its time may outlive what it began with.
      t: (key, values) => translate(latest.current.catalogue, key, values),
      say: (key, values) => rich(catalogue, key, values),
      notify: (notice) => (latest.current.props.notify ?? post(stores.board))(notice),
      navigate: (url) => (latest.current.props.navigate ?? go)(url),
      cx: (...parts) => named(parts, classNames, unstyled),
      slots: components ?? {},
    }),
    [stores, client, catalogue, words.fetchPart, loginUrl, locale, classNames, unstyled, components],
  );
}

const go = (url: string): void => location.assign(url);
const reload = (): void => location.reload();

let posted = 0;
const post =
  (board: Shared["board"]) =>
  (notice: Notice): void => {
    posted += 1;
    board.set([...board.get().slice(-2), { ...notice, id: posted }]);
  };

function named(
  parts: (string | false | null | undefined)[],
  given: Record<string, string> = {},
  unstyled = false,
): string | undefined {
  const names = parts.flatMap((part) => (part ? [unstyled ? "" : `sojourn-${part}`, given[part] ?? ""] : []));
  return names.filter(Boolean).join(" ") || undefined;
}

type Latest = RefObject<{ shared: Shared; props: SessionProviderProps }>;

function useNews(
  client: SessionClient,
  queryClient: QueryClient,
  shared: Shared,
  props: SessionProviderProps,
): void {
  const latest = useRef({ shared, props });
  latest.current = { shared, props };
  useEffect(() => {
    const offs = [...hearing(client, queryClient, latest), client.start()];
    return () => {
      for (const off of offs.reverse()) off();
    };
  }, [client, queryClient]);
}

/** What becomes of each piece of news; how to stop hearing them. */
function hearing(client: SessionClient, queryClient: QueryClient, latest: Latest): (() => void)[] {
  let known = client.getState().user?.id;
  const forget = () => {
    latest.current.shared.holds.set([]);
    if (!latest.current.props.keepData) forgetAll(queryClient);
  };
  return [
    client.subscribe((state) => {
      known ??= state.user?.id; // who else it may become is told by "signedIn"
    }),
    client.on("expired", forget),
    client.on("signedOut", (detail) => {
      known = undefined;
      forget();
      latest.current.props.onSignedOut?.(detail);
    }),
    client.on("restored", () => {
      const { notify, t } = latest.current.shared;
      notify({ kind: "success", text: t("expired.back") });
      queryClient.invalidateQueries();
    }),
    client.on("signedIn", ({ user, same }) => {
      // Another person's data must not appear between what this page has of the last one.
      if (!same && known && user?.id !== known) return (latest.current.props.reload ?? reload)();
      known = user?.id;
      queryClient.invalidateQueries();
    }),
    client.on("sessions", () => void refresh(queryClient)),
  ];
}

/** What is shown is emptied where it stands: to remove it would leave it on screen. */
function forgetAll(queryClient: QueryClient): void {
  queryClient.cancelQueries();
  const cache = queryClient.getQueryCache();
  for (const query of cache.getAll()) {
    if (query.getObserversCount()) query.setState({ ...EMPTY });
    else cache.remove(query);
  }
}

const EMPTY = {
  data: undefined,
  dataUpdatedAt: 0,
  error: null,
  errorUpdatedAt: 0,
  isInvalidated: false,
  status: "pending",
  fetchStatus: "idle",
} as const;
