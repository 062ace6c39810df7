/// <reference types="vite/client" />
/** What is to be seen, from the address: `?state=…&theme=…&dir=…&locale=…`. */

import type { Catalogue } from "../src/react";

const FILES = import.meta.glob<Catalogue>("../src/locales/*.json", { eager: true, import: "default" });
const files = Object.entries(FILES);

/** Whole, whatever parts they come in. */
const whole = (language: string): Catalogue =>
  Object.assign({}, ...files.flatMap(([path, words]) => (path.includes(`/${language}.`) ? [words] : [])));

const LANGUAGES = ["en", "de", "fr", "es", "ar", "zh"];
export const CATALOGUES: Record<string, Catalogue> = Object.fromEntries(
  LANGUAGES.map((language) => [language, whole(language)]),
);
export const THEMES: readonly string[] = ["light", "dark"];
export const DIRECTIONS: readonly string[] = ["ltr", "rtl"];

export interface View {
  /** null: all of them. */
  state: string | null;
  theme: string;
  dir: string;
  locale: string;
}

export function viewOf(address: URLSearchParams): View {
  const locale = address.get("locale") ?? "en";
  const known = locale in CATALOGUES ? locale : "en";
  return {
    state: address.get("state"),
    theme: address.get("theme") ?? "light",
    dir: address.get("dir") ?? String(CATALOGUES[known]?.dir),
    locale: known,
  };
}

/** The address of the same view, but for what is changed. */
export function linkTo(view: View, change: Partial<View>): string {
  const given = Object.entries({ ...view, ...change }).filter(([, value]) => value !== null);
  return `?${new URLSearchParams(given as [string, string][])}`;
}
