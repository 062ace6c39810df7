import { act, fireEvent, screen, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { RevokePage } from "../../src/admin/pages/RevokePage";
import { SessionsPage } from "../../src/admin/pages/SessionsPage";
import { UserPage } from "../../src/admin/pages/UserPage";
import { isTyped, missing } from "../../src/admin/parts/Reason";
import { told } from "../../src/admin/parts/Timeline";
import { at, failure, USER } from "../fake.ts";
import { atAdmin, frozen, pass, press, showPage } from "./render";
import { adminClient, adminRow, askedOf, foundOf, jobOf, MINE } from "./server";

frozen();
atAdmin();

async function type(field: HTMLElement, text: string): Promise<void> {
  await act(async () => {
    fireEvent.input(field, { target: { value: text } });
  });
}

async function choose(field: HTMLElement, value: string): Promise<void> {
  await act(async () => {
    fireEvent.change(field, { target: { value } });
  });
}

const search = () => screen.getByRole("searchbox");
const rows = () => screen.getAllByRole("row").slice(1);

test("a search waits for a pause, and what comes late does not replace what is newer", async () => {
  const late: (() => void)[] = [];
  const client = adminClient({
    "GET /sessions": ({ query, signal }: { query?: Record<string, string>; signal?: AbortSignal }) => {
      const found = foundOf([adminRow(query?.q ?? "all")]);
      if (query?.q !== "an") return found;
      return new Promise((resolve, reject) => {
        signal?.addEventListener("abort", () => reject(failure("aborted")));
        late.push(() => resolve(found));
      });
    },
  });
  await showPage(<SessionsPage />, client);
  await type(search(), "an");
  await pass(300);
  await type(search(), "ana");
  await pass(300);
  expect(askedOf(client, "/sessions").map(({ query }) => query?.q)).toEqual([undefined, "an", "ana"]);
  expect(askedOf(client, "/sessions")[1]?.signal?.aborted).toBe(true);
  for (const answer of late) answer();
  await pass(50);
  expect(rows().map((row) => row.textContent)).toEqual([expect.stringContaining("iPhone ana")]);
  expect(screen.getByText("1 session found")).toBeTruthy();
});

test("the table is one: caption, sort state, and actions that say whose", async () => {
  await showPage(<SessionsPage />, adminClient());
  const table = screen.getByRole("table", { name: "Active sessions, newest first" });
  expect(within(table).getByRole("columnheader", { name: "Signed in" }).getAttribute("aria-sort")).toBe(
    "descending",
  );
  expect(screen.getByRole("button", { name: "Revoke session of Bob on iPhone 13" })).toBeTruthy();
  await press(within(table).getByRole("button", { name: "User" }));
  expect(within(table).getByRole("columnheader", { name: "User" }).getAttribute("aria-sort")).toBe(
    "ascending",
  );
  expect(within(table).getByRole("columnheader", { name: "Signed in" }).hasAttribute("aria-sort")).toBe(
    false,
  );
  expect(rows()[0]?.textContent).toContain("Ada");
});

test("what is chosen is revoked with a reason, and one's own session is flagged", async () => {
  const client = adminClient();
  await showPage(<SessionsPage />, client);
  await press(screen.getByRole("checkbox", { name: "Select all on this page" }));
  await press(screen.getByRole("button", { name: "3 selected: Revoke…" }));
  const dialog = screen.getByRole("dialog");
  expect(dialog.textContent).toContain("One of them is the session you are using now.");
  const yes = within(dialog).getByRole("button", { name: "Revoke 3 sessions" });
  await act(async () => fireEvent.submit(yes.closest("form") as HTMLFormElement));
  expect(within(dialog).getByRole("alert").textContent).toContain("Choose a reason.");
  expect(askedOf(client, "/revoke", "POST")).toEqual([]);
  await choose(within(dialog).getByRole("combobox", { name: "Reason" }), "suspicious");
  await act(async () => fireEvent.submit(yes.closest("form") as HTMLFormElement));
  await pass(50);
  expect(askedOf(client, "/revoke", "POST")[0]?.body).toEqual({
    ids: ["here", "13", "14"],
    reason: "suspicious",
    note: null,
    undo_for: 60,
    dry_run: false,
    include_own: true,
  });
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(screen.getByText("1 session revoked.", { selector: ".sojourn-job p" })).toBeTruthy();
});

test("nothing found, and how to get out of it", async () => {
  history.replaceState(null, "", "/admin/sessions?q=foo");
  await showPage(<SessionsPage />, adminClient({ "GET /sessions": foundOf([]) }));
  expect(screen.getByText("“foo”")).toBeTruthy();
  await press(screen.getByRole("button", { name: "Clear filters" }));
  expect(location.search).toBe("");
  expect(screen.getByText("No sessions yet. They appear here after the first sign-in.")).toBeTruthy();
});

test("from page to page and back", async () => {
  const client = adminClient({
    "GET /sessions": ({ query }: { query?: Record<string, string> }) =>
      query?.after ? foundOf([adminRow("20")], { count: null }) : foundOf([MINE], { next: "mine" }),
  });
  await showPage(<SessionsPage />, client);
  await press(screen.getByRole("button", { name: "Next ›" }));
  await pass(50);
  expect(location.search).toContain("after=mine");
  expect(rows()[0]?.textContent).toContain("iPhone 20");
  await press(screen.getByRole("button", { name: "‹ Previous" }));
  await pass(50);
  expect(location.search).not.toContain("after");
  expect(rows()[0]?.textContent).toContain("Chrome 143 on macOS");
});

test("all of a user are revoked when the name is typed", async () => {
  const client = adminClient({
    "POST /revoke": jobOf({ state: "counted", expected: 1, done: 0 }),
    "POST /revoke/job/start": jobOf({ state: "running", done: 0 }),
  });
  await showPage(<UserPage />, client, { page: "user" });
  await pass(50);
  await press(screen.getByRole("button", { name: "Revoke all sessions…" }));
  const dialog = screen.getByRole("dialog");
  const send = () => act(async () => fireEvent.submit(dialog.querySelector("form") as HTMLFormElement));
  await choose(within(dialog).getByRole("combobox", { name: "Reason" }), "offboarding");
  await type(within(dialog).getByRole("textbox", { name: /to confirm/ }), "bob@example.com");
  await send();
  expect(within(dialog).getByRole("alert").textContent).toContain("Type the name of the user.");
  await type(within(dialog).getByRole("textbox", { name: /to confirm/ }), "bob@example.org");
  await send();
  await pass(50);
  expect(askedOf(client, "/revoke", "POST")[0]?.body).toMatchObject({
    where: { user_id: "bob" },
    dry_run: true,
  });
  expect(askedOf(client, "/revoke/job/start", "POST")[0]?.body).toEqual({ expected: 1 });
});

test("a query is counted, the number typed, and what runs can be left and undone", async () => {
  history.replaceState(null, "", "/admin/revoke?country=XX");
  let job = jobOf({ state: "counted", expected: 1284, done: 0, sample: [adminRow("13")] });
  const client = adminClient({
    "POST /revoke": () => job,
    "GET /revoke/job": () => job,
    "POST /revoke/job/start": () => {
      job = { ...job, state: "running", done: 300, undo_until: at(60_000) };
      return job;
    },
    "POST /revoke/job/undo": () => {
      job = { ...job, state: "undone", undo_until: null };
      return job;
    },
  });
  await showPage(<RevokePage />, client, { page: "revoke" });
  await choose(screen.getByRole("combobox", { name: "Reason" }), "suspicious");
  await press(screen.getByRole("button", { name: "Count them" }));
  await pass(50);
  expect(askedOf(client, "/revoke", "POST")[0]?.body).toMatchObject({
    where: { country: "XX" },
    dry_run: true,
    except_administrators: true,
  });
  expect(location.search).toContain("job=job");
  expect(screen.getByText("1,284 sessions would be revoked.")).toBeTruthy();
  await type(screen.getByRole("textbox", { name: /to confirm/ }), "1284");
  await press(screen.getByRole("button", { name: "Revoke 1,284 sessions" }));
  await pass(50);
  expect(screen.getByRole("progressbar").getAttribute("value")).toBe("300");
  job = { ...job, state: "holding", done: 1284, by: USER.id };
  await pass(1_100);
  await press(screen.getByRole("button", { name: /^Undo/ }));
  await pass(50);
  expect(
    screen.getByText("Undone: the sessions may be used again.", { selector: ".sojourn-job p" }),
  ).toBeTruthy();
});

test("everyone is never meant by leaving filters out", async () => {
  history.replaceState(null, "", "/admin/revoke");
  const client = adminClient();
  await showPage(<RevokePage />, client, { page: "revoke" });
  await choose(screen.getByRole("combobox", { name: "Reason" }), "suspicious");
  await press(screen.getByRole("button", { name: "Count them" }));
  expect(screen.getByRole("alert").textContent).toContain("Choose at least one filter.");
  expect(askedOf(client, "/revoke", "POST")).toEqual([]);
});

test("what has to be typed, and what has to be told", () => {
  expect(isTyped("1,284", "1284")).toBe(true);
  expect(isTyped("1.284", "1284")).toBe(true);
  expect(isTyped("1285", "1284")).toBe(false);
  expect(isTyped("", "")).toBe(false);
  expect(isTyped(" Bob@Example.org ", "bob@example.org")).toBe(true);
  expect(missing({ reason: "", note: "x", undoFor: 0 })).toBe("Choose a reason.");
  expect(missing({ reason: "other", note: " ", undoFor: 0 })).not.toBeNull();
  expect(missing({ reason: "other", note: "why", undoFor: 0 })).toBeNull();
});

test("a line of the timeline says what people understand, and not what is masked", () => {
  const facts = { reason: "signed_out", device: "Chrome on macOS", parent_id: "x" };
  expect(told({ facts, personal: { user_id: "bob", ip: "•••" } })).toEqual([
    "Signed out",
    "Device: Chrome on macOS",
  ]);
  expect(told({ facts: {}, personal: null })).toEqual([]);
});
