import { act, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { share } from "../../src/elements/clients";
import { answer, asked } from "../pages/server";

// Parsed before anybody has defined what it is.
document.body.append(document.createElement("sojourn-session-status"));
const early = document.body.firstElementChild as HTMLElement;
await import("../../src/elements");

/** After what an element does when it leaves: it waits whether it comes back. */
async function empty(): Promise<void> {
  await act(async () => document.body.replaceChildren());
}

beforeEach(async () => {
  await empty();
  asked.length = 0;
  vi.stubGlobal("fetch", vi.fn(answer));
});

afterEach(async () => {
  await empty();
  vi.unstubAllGlobals();
});

async function add(
  name: string,
  attributes: Record<string, string> = {},
  parent: Element = document.body,
): Promise<HTMLElement> {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  await act(async () => parent.append(element));
  return element;
}

test("an element that was there before its definition is one too", async () => {
  await act(async () => document.body.append(early));
  expect(await screen.findByText("ana@example.org", { exact: false })).toBeTruthy();
});

test("the list is that of the API at the base address", async () => {
  await add("sojourn-active-sessions", {
    "base-url": "/prefix/api/auth",
    "password-url": "/prefix/account/password",
  });
  expect(await screen.findByText("Firefox on Windows", { exact: false })).toBeTruthy();
  expect(asked).toContain("/prefix/api/auth/sessions");
  expect(asked.every((path) => path.startsWith("/prefix/api/auth/"))).toBe(true);
  const link = await screen.findByRole("link", { name: "change your password" });
  expect(link.getAttribute("href")).toBe("/prefix/account/password");
});

test("the base address is /api/auth if none is given", async () => {
  await add("sojourn-active-sessions");
  await waitFor(() => expect(asked).toContain("/api/auth/sessions"));
});

test("what stands inside is replaced", async () => {
  const element = document.createElement("sojourn-active-sessions");
  element.append("Your sessions");
  await act(async () => document.body.append(element));
  await screen.findByText("Firefox on Windows", { exact: false });
  expect(element.textContent).not.toContain("Your sessions");
});

test("an element speaks the language of its lang", async () => {
  await add("sojourn-active-sessions", { lang: "de-AT" });
  expect(await screen.findByText("Aktive Sitzungen")).toBeTruthy();
});

test("an element speaks the language of what is around it, and learns another", async () => {
  const around = document.body.appendChild(document.createElement("div"));
  around.lang = "de";
  const element = await add("sojourn-active-sessions", {}, around);
  expect(await screen.findByText("Aktive Sitzungen")).toBeTruthy();
  await act(async () => element.setAttribute("lang", "en"));
  expect(await screen.findByText("Active sessions")).toBeTruthy();
});

test("without its words an element speaks English", async () => {
  await add("sojourn-active-sessions", { lang: "fr" });
  expect(await screen.findByText("Active sessions")).toBeTruthy();
});

test("another base address is another client", async () => {
  const element = await add("sojourn-active-sessions", { "base-url": "/one" });
  await waitFor(() => expect(asked).toContain("/one/sessions"));
  await act(async () => element.setAttribute("base-url", "/two"));
  await waitFor(() => expect(asked).toContain("/two/sessions"));
  expect(element.children).toHaveLength(1);
});

test("elements with one base address share a client, and the last one closes it", async () => {
  const { client, release } = share("/shared");
  const list = await add("sojourn-active-sessions", { "base-url": "/shared" });
  const status = await add("sojourn-session-status", { "base-url": "/shared" });
  await screen.findByText("Firefox on Windows", { exact: false });
  const again = share("/shared");
  expect(again.client).toBe(client);
  again.release();
  await act(async () => list.remove());
  expect(client.open).toBeGreaterThan(0);
  await act(async () => status.remove());
  expect(client.open).toBe(0);
  release();
  expect(share("/shared").client).not.toBe(client);
});

test("an element that leaves before it was ready leaves nothing open", async () => {
  const { client, release } = share("/brief");
  const element = document.createElement("sojourn-active-sessions");
  element.setAttribute("base-url", "/brief");
  await act(async () => {
    document.body.append(element);
    element.remove();
  });
  expect(client.open).toBe(0);
  expect(element.childNodes).toHaveLength(0);
  release();
});

test("an element that is moved keeps what it shows", async () => {
  const element = await add("sojourn-active-sessions");
  await screen.findByText("Firefox on Windows", { exact: false });
  const shown = element.firstElementChild;
  const before = asked.length;
  const elsewhere = document.body.appendChild(document.createElement("section"));
  await act(async () => elsewhere.append(element));
  expect(element.firstElementChild).toBe(shown);
  expect(element.textContent).toContain("Firefox on Windows");
  expect(asked.slice(before)).not.toContain("/api/auth/sessions");
});

test("an element that comes back shows itself again", async () => {
  const element = await add("sojourn-active-sessions");
  await screen.findByText("Firefox on Windows", { exact: false });
  await act(async () => element.remove());
  expect(element.childNodes).toHaveLength(0);
  await act(async () => document.body.append(element));
  expect(await screen.findByText("Firefox on Windows", { exact: false })).toBeTruthy();
});
