import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isValidElement, type ReactElement } from "react";
import { beforeAll, describe, expect, it } from "vitest";
import { type Catalogue, merged, rich, translate } from "../../src/react/messages.ts";
import { preload } from "../../src/react/parts.ts";

const SOURCE = join(import.meta.dirname, "../../src");
const file = (name: string): Catalogue =>
  JSON.parse(readFileSync(join(SOURCE, `locales/${name}.json`), "utf8")) as Catalogue;
const PARTS = ["", ".cards", ".dialogs"];
/** All of a language. */
const read = (code: string): Catalogue => Object.assign({}, ...PARTS.map((part) => file(`${code}${part}`)));
const english = read("en");
const ERRORS = [
  "unauthenticated",
  "forbidden",
  "reauth_required",
  "csrf",
  "rate_limited",
  "rate_limited_for",
].concat(["network", "offline", "timeout", "not_found", "invalid", "undo_expired"]);
const codes = ["ar", "de", "es", "fr", "zh"];
const forms = (entry: Catalogue[string] = ""): string[] =>
  typeof entry === "string" ? [entry] : Object.values(entry);
const names = (text: string): string[] =>
  [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "").sort();

describe.each(codes)("the catalogue %s", (code) => {
  const catalogue = read(code);

  it.each(PARTS)("has the keys of the English one, in its order: part %j", (part) => {
    const wanted = Object.keys(file(`en${part}`));
    expect(Object.keys(file(`${code}${part}`)).filter((key) => key in english)).toEqual(wanted);
  });

  it("says its language", () => {
    expect(catalogue.lang).toBe(code);
  });

  it("has besides only what errors say, which English errors say themselves", () => {
    const more = Object.keys(catalogue).filter((key) => !(key in english));
    expect(more).toEqual(ERRORS.map((name) => `error.${name}`));
  });

  it("has the same sentences of the page", () => {
    const [page, ours] = [file("page/en"), file(`page/${code}`)];
    expect(Object.keys(ours)).toEqual(Object.keys(page));
    expect(Object.keys(page).filter((key) => key in english && key !== "lang")).toEqual([]);
  });

  it("fills in the same values; a form for one number may say it in words", () => {
    for (const [key, entry] of Object.entries(english)) {
      const wanted = [...new Set(forms(entry).flatMap(names))];
      for (const form of forms(catalogue[key])) {
        const given = names(form);
        const missing = wanted.filter(
          (name) => !given.includes(name) && (name !== "count" || typeof entry === "string"),
        );
        expect([key, missing, given.filter((name) => !wanted.includes(name))]).toEqual([key, [], []]);
      }
    }
  });

  it("counts in every form that its language has", () => {
    const rules = new Intl.PluralRules(code);
    const needed = new Set(Array.from({ length: 1000 }, (_, count) => rules.select(count)));
    for (const [key, entry] of Object.entries(english)) {
      if (typeof entry === "string") continue;
      expect([key, Object.keys(catalogue[key] as object).sort()]).toEqual([key, [...needed].sort()]);
    }
  });

  it("leaves nothing in English", () => {
    const same = Object.entries(english).filter(
      ([key, entry]) =>
        typeof entry === "string" && /[a-z]{3} [a-z]/i.test(entry) && entry === catalogue[key],
    );
    expect(same).toEqual([]);
  });
});

describe("keys", () => {
  const files = readdirSync(join(SOURCE, "react")).map((name) =>
    readFileSync(join(SOURCE, "react", name), "utf8"),
  );
  const code = files.join("\n");

  it("are all used", () => {
    const open = [...code.matchAll(/`([a-z]+)\.\$\{/g)].map((match) => `${match[1]}.`);
    const used = (key: string) => code.includes(`"${key}"`) || open.some((start) => key.startsWith(start));
    const unused = Object.keys(english).filter((key) => !used(key) && !/^(lang|dir)$/.test(key));
    expect(unused).toEqual([]);
  });

  /** The modules that *entry* imports, and theirs, without types and without what is fetched later. */
  function reached(entry: string): Set<string> {
    const found = new Set<string>();
    const ahead = [entry];
    for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
      const path = [".ts", ".tsx"].map((end) => join(SOURCE, "react", name + end)).find(existsSync);
      if (!path || found.has(path)) continue;
      found.add(path);
      const imports = readFileSync(path, "utf8").matchAll(
        /^(?:im|ex)port (?!type\b)[^;]*from "\.\/(\w[^"]*)"/gm,
      );
      ahead.push(...[...imports].map((match) => match[1] ?? ""));
    }
    return found;
  }

  it.each([
    ["", "index"],
    [".cards", "later-cards"],
    [".dialogs", "later-dialogs"],
  ])("are in the part %j of a catalogue, or in the first, if %s says them", (part, entry) => {
    const known = { ...file("en"), ...file(`en${part}`) };
    const first = reached("index");
    const ours = [...reached(entry)].filter((path) => entry === "index" || !first.has(path));
    const said = ours.flatMap((path) =>
      [...readFileSync(path, "utf8").matchAll(/"([a-z]+[A-Z]?\w*\.\w+)"/gi)].map((match) => match[1] ?? ""),
    );
    expect(said.length).toBeGreaterThan(10);
    expect(said.filter((key) => key in english && !(key in known))).toEqual([]);
  });
});

describe("sentences", () => {
  beforeAll(() => preload());

  it("choose the form by the rules of the language, and write numbers as it does", () => {
    const ar = read("ar");
    const said = [0, 1, 2, 3, 11, 100].map((count) => translate(ar, "sessions.devices", { count }));
    expect(said).toEqual(["لا أجهزة", "جهاز واحد", "جهازان", "3 أجهزة", "11 جهازًا", "100 جهاز"]);
    expect(translate(read("de"), "sessions.devices", { count: 1234 })).toBe("1.234 Geräte");
  });

  it("isolate what is put in, but for numbers", () => {
    const nodes = rich(english, "row.place", { place: "\u202e<b>" }) as ReactElement<{ children: string }>[];
    const put = nodes.filter((node) => isValidElement(node));
    expect(put.map((node) => [node.type, node.props.children])).toEqual([["bdi", "\u202e<b>"]]);
    expect(
      (rich(english, "sessions.devices", { count: 2 }) as unknown[]).every(
        (node) => typeof node === "string",
      ),
    ).toBe(true);
  });

  it("may be replaced one by one, over English", () => {
    const mine = merged({ "row.signOut": "Leave" });
    expect([translate(mine, "row.signOut"), translate(mine, "row.undo")]).toEqual(["Leave", "Undo"]);
  });

  it('say "log out" everywhere, if that is the word of the product', () => {
    const words = merged({}, "logIn");
    expect(translate(words, "row.signedOutOf", { device: "iPhone 13" })).toBe("Logged out of iPhone 13");
    expect(translate(words, "others.done", { count: 2 })).toBe("Logged out of 2 other devices.");
    const left = Object.entries(words).filter(([, entry]) =>
      forms(entry).some((form) => /\bsign(ed|ing|s)?\b/i.test(form)),
    );
    expect(left).toEqual([]);
    expect(merged(read("de"), "logIn")).toEqual(merged(read("de")));
  });
});
