import { act, screen, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { AlertsPage } from "../../src/admin/pages/AlertsPage";
import { Overview } from "../../src/admin/pages/Overview";
import { failure } from "../fake.ts";
import { atAdmin, frozen, pass, press, showPage } from "./render";
import { adminClient, alertOf, alertsOf, askedOf, BY_METRIC, STATS } from "./server";

frozen();
atAdmin();

const card = (name: string) => screen.getByRole("region", { name });
const table = (name: string) => within(card(name)).getByRole("table");
const cellsOf = (rows: HTMLElement) =>
  within(rows)
    .getAllByRole("row")
    .slice(1)
    .map((row) => [...row.querySelectorAll("td")].map((cell) => cell.textContent));

test("the numbers of now are there, and move with each poll", async () => {
  let sessions = 1284;
  const client = adminClient({ "GET /stats": () => ({ ...STATS, sessions }) });
  await showPage(<Overview />, client);
  const tile = screen.getByRole("heading", { name: "Active sessions" }).closest("li") as HTMLElement;
  expect(tile.textContent).toContain("1,284");
  expect(tile.textContent).toContain("Currently logged in");
  expect(screen.getByText(/12 failed of 4,000/)).toBeTruthy();
  expect(screen.getByText(/more than until this time yesterday/)).toBeTruthy();
  sessions = 1285;
  await pass(10_100);
  expect(tile.textContent).toContain("1,285");
  expect(askedOf(client, "/stats").every(({ passive }) => passive)).toBe(true);
});

test("paused, nothing is asked by itself, and the text says so", async () => {
  const client = adminClient();
  await showPage(<Overview />, client);
  await press(screen.getByRole("button", { name: "Pause" }));
  const before = client.asked("admin.request").length;
  await pass(120_000);
  expect(client.asked("admin.request").length).toBe(before);
  expect(screen.getByText(/^Paused/)).toBeTruthy();
});

test("what is old says so", async () => {
  let away = false;
  const client = adminClient({ "GET /stats": () => (away ? failure("network") : STATS) });
  await showPage(<Overview />, client);
  expect(screen.getByText(/^Live, every 10 s/)).toBeTruthy();
  away = true;
  await pass(45_000);
  expect(screen.getByText(/^Stale/)).toBeTruthy();
  expect(screen.getByText("1,284")).toBeTruthy();
});

test("a table holds the numbers of the API, and says where there are none", async () => {
  await showPage(<Overview />, adminClient());
  await press(screen.getByRole("button", { name: "Sessions created and ended: as a table" }));
  expect(cellsOf(table("Sessions created and ended"))).toEqual([
    ["4", "3"],
    ["no data", "1"],
    ["5", "1"],
  ]);
  await press(screen.getByRole("button", { name: "Refresh success rate: as a table" }));
  expect(cellsOf(table("Refresh success rate"))).toEqual([["98.0 %"], ["no data"], ["100.0 %"]]);
  await press(screen.getByRole("button", { name: "Devices per user: as a table" }));
  expect(cellsOf(table("Devices per user"))).toEqual([
    ["about 600"],
    ["about 250"],
    ["about 50"],
    ["about 2"],
  ]);
  await press(screen.getByRole("button", { name: "When people are active: as a table" }));
  expect(cellsOf(table("When people are active"))[14]).toEqual(["10", "10", "10", "10", "10", "5", "5"]);
});

test("a drawing is named and described, and ends its line where nothing is known", async () => {
  await showPage(<Overview />, adminClient());
  const drawing = screen.getByRole("img", { name: "Active sessions and users" });
  const described = document.getElementById(String(drawing.getAttribute("aria-describedby")));
  expect(described?.textContent).toBe("Between 10 and 12 sessions at a time.");
  const line = drawing.querySelector(".sojourn-solid .sojourn-line");
  expect(line?.getAttribute("d")?.match(/M/g)?.length).toBe(2);
  expect(line?.getAttribute("d")).not.toContain("L");
  expect(drawing.querySelectorAll(".sojourn-solid circle").length).toBe(2);
});

test("keys lead through the points, and their values are said", async () => {
  await showPage(<Overview />, adminClient());
  const slider = screen.getByRole("slider", { name: "Sessions created and ended: points" });
  const status = within(card("Sessions created and ended")).getByRole("status");
  expect(status.textContent).toBe("");
  await act(async () => {
    slider.focus();
    slider.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true }));
  });
  expect(slider.getAttribute("aria-valuetext")).toBe("8 Nov, 15:45");
  expect(status.textContent).toBe("Created: no data · Ended: 1");
  await act(async () => slider.dispatchEvent(new KeyboardEvent("keydown", { key: "Home", bubbles: true })));
  expect(status.textContent).toBe("Created: 4 · Ended: 3");
});

test("each card fails alone, and can be tried again", async () => {
  let broken = true;
  const series = ({ query }: { query?: Record<string, unknown> }) =>
    broken && query?.metric === "refresh" ? failure("server", 500) : BY_METRIC[String(query?.metric)];
  await showPage(<Overview />, adminClient({ "GET /series": series }));
  await pass(10_000); // it is tried twice more first
  const failed = card("Refresh success rate");
  expect(within(failed).getByRole("alert").textContent).toContain("This chart could not be loaded.");
  expect(screen.getByRole("img", { name: "Sessions created and ended" })).toBeTruthy();
  broken = false;
  await press(within(failed).getByRole("button", { name: "Try again" }));
  expect(screen.getByRole("img", { name: "Refresh success rate" })).toBeTruthy();
});

test("the range and the comparison stand in the address", async () => {
  const client = adminClient({
    "GET /series": ({ query }: { query?: Record<string, unknown> }) => {
      const found = BY_METRIC[String(query?.metric)];
      return { ...found, before: query?.compare ? found?.points : null };
    },
  });
  await showPage(<Overview />, client);
  await press(screen.getByRole("checkbox", { name: /^Compare with the day before/ }));
  expect(new URLSearchParams(location.search).get("compare")).toBe("previous");
  expect(screen.getAllByText("Created, before").length).toBeGreaterThan(0);
  const asked = askedOf(client, "/series").filter(({ query }) => query?.compare === "previous");
  expect(new Set(asked.map(({ query }) => query?.metric))).toEqual(new Set(["created", "refresh", "active"]));
});

test("who administers no more sees no more", async () => {
  let allowed = true;
  const client = adminClient({ "GET /stats": () => (allowed ? STATS : failure("forbidden", 403)) });
  await showPage(<Overview />, client);
  allowed = false;
  await pass(10_100);
  expect(screen.getByRole("alert").textContent).toBe("You need the administrator role to see this page.");
  expect(document.body.textContent).not.toContain("1,284");
});

test("an alert is acknowledged, and the list asked for again", async () => {
  let alert = alertOf("a");
  const client = adminClient({
    "GET /alerts": () => alertsOf(...(alert.state === "open" ? [alert] : [])),
    "POST /alerts/a/acknowledge": () => {
      alert = { ...alert, state: "acknowledged" };
      return alert;
    },
  });
  await showPage(<AlertsPage />, client);
  await press(screen.getByRole("button", { name: "Acknowledge: Alert a" }));
  await pass();
  expect(screen.getByText("No open alerts.")).toBeTruthy();
});
