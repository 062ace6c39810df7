import { act, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Boot } from "../../src/pages/boot";
import { answer, asked, BOOT } from "./server";

/** What the server renders, in small. */
function serve(boot: Boot | null): HTMLElement {
  const container = Object.assign(document.createElement("div"), { id: "sojourn-account" });
  const below = document.createElement("section");
  below.append("Below, from the server");
  container.append(document.createElement("section"), "From the server", below);
  document.body.append(container);
  if (boot) {
    const block = { type: "application/json", id: "sojourn-boot", textContent: JSON.stringify(boot) };
    document.body.append(Object.assign(document.createElement("script"), block));
  }
  return container;
}

async function run(): Promise<void> {
  vi.resetModules();
  await act(async () => {
    await import("../../src/pages/account");
  });
}

const SERVED = "From the serverBelow, from the server";
const rejected: unknown[] = [];
const onRejection = (reason: unknown): number => rejected.push(reason);

beforeEach(() => {
  asked.length = 0;
  rejected.length = 0;
  vi.stubGlobal("fetch", vi.fn(answer));
  process.on("unhandledRejection", onRejection);
});

afterEach(() => {
  process.off("unhandledRejection", onRejection);
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

test("the list is there without having been asked for", async () => {
  const container = serve(BOOT);
  await run();
  expect(await screen.findByText("Firefox on Windows", { exact: false })).toBeTruthy();
  expect(container.textContent).not.toContain("From the server");
  expect(container.textContent).toContain("Customers");
  expect(await screen.findByRole("heading", { name: "Tips" })).toBeTruthy();
  expect(container.querySelector("[aria-busy=true]")).toBeNull();
  expect(asked.filter((path) => /\/(sessions|history|preferences)$/.test(path))).toEqual([]);
});

test("the page is in the language of the server's page", async () => {
  serve({ ...BOOT, locale: "de" });
  await run();
  expect(await screen.findByText("Aktive Sitzungen")).toBeTruthy();
  expect(await screen.findByText("Tipps")).toBeTruthy();
});

test("what is below the list is the server's until the cards are here", async () => {
  const container = serve({ ...BOOT, locale: "de" });
  let come = (): void => {};
  const coming = new Promise<void>((resolve) => {
    come = resolve;
  });
  const late = async (given: RequestInfo | URL): Promise<Response> => {
    if (String(given).includes("cards")) await coming;
    return answer(given);
  };
  vi.stubGlobal("fetch", vi.fn(late));
  await run();
  expect(await screen.findByText("Aktive Sitzungen")).toBeTruthy();
  expect(container.lastElementChild?.textContent).toBe("Below, from the server");
  await act(async () => come());
  expect(await screen.findByText("Tipps")).toBeTruthy();
  expect(container.textContent).not.toContain("from the server");
});

test("a page whose words cannot be had stays what the server made it", async () => {
  const container = serve({ ...BOOT, locale: "fr" });
  await run();
  await vi.waitFor(() => expect(String(rejected[0])).toContain("404"));
  expect(container.textContent).toBe(SERVED);
});

test("a page that is not for us is left alone", async () => {
  const container = serve(null);
  await run();
  expect(container.textContent).toBe(SERVED);
  expect(asked).toEqual([]);
});
