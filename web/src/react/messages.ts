/** Sentences: one flat catalogue per language, filled with values; plurals by the rules of the language. */

import { createElement, type ReactNode } from "react";
import type cards from "../locales/en.cards.json";
import type dialogs from "../locales/en.dialogs.json";
import first from "../locales/en.json";

export type Plural = Partial<Record<Intl.LDMLPluralRule, string>>;
export type MessageKey = keyof typeof first | keyof typeof cards | keyof typeof dialogs;
/** `lang` says whose plural rules hold. */
export type Catalogue = Record<string, string | Plural>;
export type Values = Record<string, unknown>;
export type Vocabulary = "signIn" | "logIn";

/** A sentence as text, for names and titles. */
export type Translate = (key: MessageKey, values?: Values) => string;
/** A sentence as nodes: whatever was put in keeps to its own direction of writing. */
export type Say = (key: MessageKey, values?: Values) => ReactNode;

/** English, as far as the parts that need it are here. */
let english: object = first;

export function learn(words: object | null): void {
  english = { ...english, ...words };
}

/** *messages* over English, so that a catalogue may lack what it does not change. English is whole after `preload()`. */
export function merged(messages: Partial<Catalogue> = {}, vocabulary: Vocabulary = "signIn"): Catalogue {
  const all = { ...english, ...messages } as Catalogue;
  return vocabulary === "logIn" && String(all.lang).startsWith("en") ? logIn(all) : all;
}

/** Only English has both words. Keys stay: in them "sign" is never a word of its own. */
function logIn(catalogue: Catalogue): Catalogue {
  const said = JSON.stringify(catalogue).replace(
    /\b([Ss])ign(ed|ing)?\b/g,
    (_, first: string, end = "") => `${first === "S" ? "L" : "l"}og${end && `g${end}`}`,
  );
  return JSON.parse(said) as Catalogue;
}

const rules = new Map<string, Intl.PluralRules>();

function form(entry: Plural, lang: string, count: unknown): string {
  let rule = rules.get(lang);
  if (!rule) {
    rule = new Intl.PluralRules(lang);
    rules.set(lang, rule);
  }
  return entry[rule.select(Number(count))] ?? entry.other ?? "";
}

/** Texts at even places, names of values at odd ones. */
function pieces(catalogue: Catalogue, key: string, values: Values): string[] {
  const entry = catalogue[key] ?? key;
  const text = typeof entry === "string" ? entry : form(entry, String(catalogue.lang), values.count);
  return text.split(/\{(\w+)\}/);
}

const shown = (catalogue: Catalogue, value: unknown): unknown =>
  typeof value === "number" ? value.toLocaleString(String(catalogue.lang)) : value;

export function translate(catalogue: Catalogue, key: string, values: Values = {}): string {
  return pieces(catalogue, key, values)
    .map((piece, i) => (i % 2 ? shown(catalogue, values[piece]) : piece))
    .join("");
}

/** As `translate`; values may be nodes, and each but a number stands in a <bdi>. */
export function rich(catalogue: Catalogue, key: string, values: Values = {}): ReactNode {
  return pieces(catalogue, key, values).map((piece, i): ReactNode => {
    if (!(i % 2)) return piece;
    const value = shown(catalogue, values[piece]) as ReactNode;
    return typeof values[piece] === "number" ? value : createElement("bdi", { key: i }, value);
  });
}
