/** The words of a language, fetched when a page is in it; those of parts that come later, as late as the parts. */
import english from "../locales/en.json";
import type { Catalogue, MoreMessages, Part } from "../react";

type File = Part | "first";

/**
 * Literal addresses, because that is what bundlers find and carry along; as files, because a policy may allow no `data:`,
 * and nobody needs six languages.
 */
const ADDRESSES: Record<string, Record<File, () => URL>> = {
  ar: {
    first: () => new URL("../locales/ar.json?no-inline", import.meta.url),
    cards: () => new URL("../locales/ar.cards.json?no-inline", import.meta.url),
    dialogs: () => new URL("../locales/ar.dialogs.json?no-inline", import.meta.url),
  },
  de: {
    first: () => new URL("../locales/de.json?no-inline", import.meta.url),
    cards: () => new URL("../locales/de.cards.json?no-inline", import.meta.url),
    dialogs: () => new URL("../locales/de.dialogs.json?no-inline", import.meta.url),
  },
  en: {
    first: () => new URL("../locales/en.json?no-inline", import.meta.url),
    cards: () => new URL("../locales/en.cards.json?no-inline", import.meta.url),
    dialogs: () => new URL("../locales/en.dialogs.json?no-inline", import.meta.url),
  },
  es: {
    first: () => new URL("../locales/es.json?no-inline", import.meta.url),
    cards: () => new URL("../locales/es.cards.json?no-inline", import.meta.url),
    dialogs: () => new URL("../locales/es.dialogs.json?no-inline", import.meta.url),
  },
  fr: {
    first: () => new URL("../locales/fr.json?no-inline", import.meta.url),
    cards: () => new URL("../locales/fr.cards.json?no-inline", import.meta.url),
    dialogs: () => new URL("../locales/fr.dialogs.json?no-inline", import.meta.url),
  },
  zh: {
    first: () => new URL("../locales/zh.json?no-inline", import.meta.url),
    cards: () => new URL("../locales/zh.cards.json?no-inline", import.meta.url),
    dialogs: () => new URL("../locales/zh.dialogs.json?no-inline", import.meta.url),
  },
};

const loading = new Map<string, Promise<Catalogue>>();

async function load(address: URL): Promise<Catalogue> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address.pathname}: ${response.status}`);
  return (await response.json()) as Catalogue;
}

function fetched(language: string, file: File): Promise<Catalogue> {
  const key = `${language} ${file}`;
  const found = loading.get(key) ?? load((ADDRESSES[language] as Record<File, () => URL>)[file]());
  loading.set(key, found);
  found.catch(() => loading.delete(key)); // the next one may have more luck
  return found;
}

/** What is in the scripts already: English, but in those of the served pages nothing (scripts/catalogues.ts). */
const builtIn: string | undefined = (english as Partial<typeof english>).lang;

/** For a `SessionProvider`. */
export interface Words {
  messages?: Catalogue;
  moreMessages?: MoreMessages;
}

const LATER: Part[] = ["cards", "dialogs"];
/** One for each language: a provider takes another one for other words. */
const more = new Map<string, MoreMessages>();

/** What could not be had in the language is rather said in English than not at all. */
function moreOf(language: string): MoreMessages {
  const words = (part: Part) => () => fetched(language, part).catch(() => fetched("en", part));
  const found = more.get(language) ?? Object.fromEntries(LATER.map((part) => [part, words(part)]));
  more.set(language, found);
  return found;
}

/** The words for a language tag such as "de-AT", else English; none if these are in the script. */
export async function wordsOf(tag: string): Promise<Words> {
  const wanted = tag.toLowerCase().split("-", 1)[0] ?? "";
  const language = wanted in ADDRESSES ? wanted : "en";
  if (language === builtIn) return {};
  return { messages: await fetched(language, "first"), moreMessages: moreOf(language) };
}
