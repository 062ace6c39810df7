import { afterEach, beforeEach, expect, test, vi } from "vitest";

const fetched = vi.fn();
let wordsOf: typeof import("../../src/elements/catalogues").wordsOf;

/** The address says what is in it. */
async function answer(address: URL): Promise<Response> {
  const [, language, part = ""] = /\/locales\/(\w+)\.?(\w*)\.json$/.exec(address.pathname) ?? [];
  return Response.json({ [`${part}lang`]: language });
}

const asked = (): string[] =>
  fetched.mock.calls.map(([address]) => (address as URL).pathname.split("/locales/")[1] ?? "");

beforeEach(async () => {
  vi.resetModules();
  vi.stubGlobal("fetch", fetched.mockReset().mockImplementation(answer));
  ({ wordsOf } = await import("../../src/elements/catalogues"));
});

afterEach(() => vi.unstubAllGlobals());

/** As in the served pages. */
async function withoutEnglish(): Promise<void> {
  vi.resetModules();
  vi.doMock("../../src/locales/en.json", () => ({ default: {} }));
  ({ wordsOf } = await import("../../src/elements/catalogues"));
  vi.doUnmock("../../src/locales/en.json");
}

test.each(["en", "en-GB", "tlh", ""])("nothing is fetched for %j", async (tag) => {
  expect(await wordsOf(tag)).toEqual({});
  expect(fetched).not.toHaveBeenCalled();
});

test("where English is not in the script it is fetched, for whoever speaks no language of ours too", async () => {
  await withoutEnglish();
  expect((await wordsOf("tlh")).messages).toEqual({ lang: "en" });
  expect((await wordsOf("en-GB")).messages).toEqual({ lang: "en" });
  expect(asked()).toEqual(["en.json"]);
});

test.each([
  ["de", "de"],
  ["de-AT", "de"],
  ["ZH-Hant-TW", "zh"],
  ["fr-CA", "fr"],
])("the words for %s are those of %s", async (tag, language) => {
  expect((await wordsOf(tag)).messages).toEqual({ lang: language });
  expect(asked()).toEqual([`${language}.json`]);
});

test("the words of a part are fetched when they are asked for, and once", async () => {
  const { moreMessages } = await wordsOf("de");
  expect(asked()).toEqual(["de.json"]);
  expect(await moreMessages?.dialogs?.()).toEqual({ dialogslang: "de" });
  await moreMessages?.dialogs?.();
  expect(asked()).toEqual(["de.json", "de.dialogs.json"]);
});

test("two who speak one language share what they have", async () => {
  const [one, other] = await Promise.all([wordsOf("de"), wordsOf("de-CH")]);
  await wordsOf("de");
  expect(asked()).toEqual(["de.json"]);
  expect(one.moreMessages).toBe(other.moreMessages); // a provider takes another object for another language
});

test("what cannot be had in the language is had in English", async () => {
  await withoutEnglish();
  const { moreMessages } = await wordsOf("de");
  fetched.mockResolvedValueOnce(new Response(null, { status: 503 }));
  expect(await moreMessages?.dialogs?.()).toEqual({ dialogslang: "en" });
  expect(await moreMessages?.dialogs?.()).toEqual({ dialogslang: "de" }); // the next one has more luck
});

test("a failure is told, and forgotten", async () => {
  fetched.mockResolvedValueOnce(new Response(null, { status: 503 }));
  await expect(wordsOf("de")).rejects.toThrow("503");
  expect((await wordsOf("de")).messages).toEqual({ lang: "de" });
});
