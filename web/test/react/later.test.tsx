/** Parts and words that are fetched later: never a word of another language before they are here, and what happens without them. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { act, cleanup, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type FakeClient, fakeClient, NOW } from "../fake.ts";

type React = typeof import("../../src/react/index.ts");
type Catalogue = Record<string, string>;

const words = (name: string): Catalogue =>
  JSON.parse(readFileSync(join(import.meta.dirname, `../../src/locales/${name}.json`), "utf8"));
const dialogs = "../../src/react/later-dialogs.ts";
const ENDING = { code: "session_expired", reason: "other", device: null, undoUntil: null, limit: null };

let react: React;
let client: FakeClient;

beforeEach(async () => {
  vi.resetModules(); // nothing of it is here yet
  vi.useFakeTimers({ now: NOW, shouldAdvanceTime: false });
  react = await import("../../src/react/index.ts");
  client = fakeClient();
});

afterEach(() => {
  cleanup();
  vi.doUnmock(dialogs);
  vi.useRealTimers();
});

/** As after a deployment, or without a network. */
function lose(): void {
  vi.doMock(dialogs, () => {
    throw new TypeError("Failed to fetch dynamically imported module");
  });
}

const expire = (): void => act(() => client.put({ status: "expired", session: null, ending: ENDING }));

function show(given: Partial<Parameters<React["SessionProvider"]>[0]> = {}): void {
  const { SessionProvider, SessionExpiredModal } = react;
  render(
    <SessionProvider client={client} {...given}>
      <SessionExpiredModal />
    </SessionProvider>,
  );
}

it("a dialog waits for its words, and speaks no other language before", async () => {
  let give: (words: Catalogue) => void = () => {};
  const coming = new Promise<Catalogue>((done) => {
    give = done;
  });
  show({ messages: words("de"), moreMessages: { dialogs: () => coming } });
  expire();
  await act(() => react.preload("dialogs"));
  expect(screen.queryByRole("alertdialog")).toBeNull();
  expect(document.body.textContent).toBe("");
  await act(async () => give(words("de.dialogs")));
  await vi.waitFor(() => expect(screen.getByRole("alertdialog").textContent).toContain("Ihre Sitzung"));
  expect(screen.getByRole("alertdialog").textContent).not.toContain("Your session");
});

it("where the words cannot be had, it is rather said in English than not at all", async () => {
  const fetchWords = vi.fn(() => Promise.reject(new TypeError("Failed to fetch")));
  show({ messages: words("de"), moreMessages: { dialogs: fetchWords } });
  expire();
  await vi.waitFor(() =>
    expect(screen.getByRole("alertdialog").textContent).toContain("Your session has ended."),
  );
});

it("who has the whole catalogue waits for no words, and another language comes with its own", async () => {
  const whole = (code: string): Catalogue => ({ ...words(code), ...words(`${code}.dialogs`) });
  show({ messages: whole("fr") });
  await act(() => react.preload());
  expire();
  expect(screen.getByRole("alertdialog").textContent).toContain(words("fr.dialogs")["expired.other"]);
});

it("where the dialog cannot be fetched, there is at least the way back in", async () => {
  lose();
  show({ messages: words("de"), loginUrl: "/login" });
  expire();
  await vi.waitFor(() => expect(screen.getByRole("alert").textContent).toContain(words("de")["expired.bar"]));
  const link = screen.getByRole("link", { name: words("de")["expired.login"] });
  expect(link.getAttribute("href")).toBe("/login");
});

it("the dialogs are fetched while the page idles, and are there when the network is gone", async () => {
  const fetched = vi.fn(() => vi.importActual(dialogs));
  vi.doMock(dialogs, fetched);
  show();
  await act(() => vi.advanceTimersByTimeAsync(1_000));
  await vi.waitFor(() => expect(fetched).toHaveBeenCalled());
  await act(async () => void (await fetched.mock.results[0]?.value));
  lose();
  expire();
  await vi.waitFor(() => expect(screen.getByRole("alertdialog", { name: "Session expired" })).toBeTruthy());
});
