import { QueryClient } from "@tanstack/react-query";
import { act, fireEvent, screen, within } from "@testing-library/react";
import { describe, expect, it, vi } from "vitest";
import { ActiveSessions } from "../../src/react/ActiveSessions.tsx";
import { keys } from "../../src/react/keys.ts";
import { at, failure, fakeClient, HERE, LIMITS, listOf, row } from "../fake.ts";
import { frozen, pass, press, show } from "./render.tsx";

frozen();

const DAY = 86_400_000;
const button = (name: string | RegExp) => screen.getByRole("button", { name });
const lines = () => [...document.querySelectorAll(".sojourn-rows > .sojourn-row")] as HTMLElement[];
const text = () => document.body.textContent ?? "";

describe("a line", () => {
  it("says all that the seeds ask for", async () => {
    await show(<ActiveSessions />, { client: fakeClient([row("13", { created_at: at(-DAY / 2) }), HERE]) });
    const [here, phone] = lines() as [HTMLElement, HTMLElement];
    expect(here.textContent).toContain("Computer: Chrome 143 on macOS This device");
    expect(here.textContent).toContain("about New York, US 203.0.113.7");
    expect(here.textContent).toContain("Signed in 6 Nov 2025");
    expect(here.textContent).toContain("Active now Expires in 5 days, 23 hours");
    expect(within(here).queryByRole("button", { name: /Sign out/ })).toBeNull();
    expect(phone.textContent).toContain("Phone: iPhone 13 New");
    expect(phone.textContent).toContain("Safari on iOS about Boston, US 198.51.100.4");
    expect(phone.textContent).toContain("Last active 2 hours ago Expires in 1 day, 3 hours");
    expect(within(phone).getByRole("button", { name: "Sign out of iPhone 13" })).toBeTruthy();
  });

  it("has badges for what was remembered and for support", async () => {
    await show(<ActiveSessions />, {
      client: fakeClient([HERE, row("1", { remember: true, impersonated: true })]),
    });
    const badges = [...document.querySelectorAll(".sojourn-badge")].map((badge) => badge.textContent);
    expect(badges).toEqual(["This device", "Remembered", "Support access"]);
  });

  it("says what is unknown in words, and leaves no blank", async () => {
    const device = { ...row("x").device, kind: "unknown" as const, model: null, name: "Unknown device" };
    await show(<ActiveSessions />, {
      client: fakeClient([HERE, row("x", { device, ip: null, place: null })]),
    });
    expect(lines()[1]?.textContent).toContain("Device: Unknown device");
    expect(lines()[1]?.textContent).toContain("Location unknown Address unknown");
  });

  it("shows hostile names as text, each isolated", async () => {
    const name = '<img src=x onerror="alert(1)">\u202egnp.exe';
    const device = { ...row("x").device, model: name };
    await show(<ActiveSessions />, { client: fakeClient([HERE, row("x", { device })]) });
    expect(document.querySelector("img")).toBeNull();
    expect(screen.getByText(name).tagName).toBe("BDI");
  });

  it("is one for all sessions of a device, which its details list", async () => {
    const device = row("a").device;
    const client = fakeClient([HERE, row("a"), row("b", { device, seen_at: at(-60_000) })]);
    await show(<ActiveSessions />, { client });
    expect(lines()).toHaveLength(2);
    expect(text()).toContain("2 devices");
    const [, phone] = lines() as [HTMLElement, HTMLElement];
    expect(phone.querySelectorAll("details li")).toHaveLength(2);
    await press(
      within(phone)
        .getAllByRole("button", { name: /Sign out of/ })
        .at(-1) as HTMLElement,
    );
    expect(
      client
        .asked("revoke")
        .map((call) => call[1])
        .sort(),
    ).toEqual(["a", "b"]);
  });

  it("names applications and tenants as the page does", async () => {
    const client = fakeClient([HERE, row("a", { application_id: "shop", tenant_id: "acme" })]);
    await show(<ActiveSessions names={{ shop: "The shop" }} />, { client });
    expect(lines()[1]?.textContent).toContain("In The shop For acme");
  });
});

describe("time", () => {
  it('moves on screen without a request, and turns to seconds and to "soon"', async () => {
    const client = fakeClient([HERE, row("1", { expires_at: at(6 * 60_000) })]);
    await show(<ActiveSessions />, { client });
    expect(text()).toContain("Expires in 6 minutes");
    await pass(30_000);
    expect(text()).toContain("Expires in 5 minutes, 30 seconds");
    expect(document.querySelector(".sojourn-soon")).toBeNull();
    await pass(29_000);
    expect(client.asked("sessions")).toHaveLength(1);
    await pass(2_000);
    expect(document.querySelector(".sojourn-soon")?.textContent).toContain("(soon)");
  });

  it("is the server's, whatever this machine's clock says", async () => {
    const client = fakeClient([HERE, row("1")]);
    client.now = () => Date.now() + 3_600_000;
    await show(<ActiveSessions />, { client });
    expect(lines()[1]?.textContent).toContain("Last active 3 hours ago");
    expect(lines()[1]?.textContent).toContain("Expires in 1 day, 2 hours");
  });

  it('"Last updated" is when the answer came, not when it was drawn', async () => {
    const { client } = await show(<ActiveSessions />);
    expect(text()).toContain("Last updated 17:45:00");
    await pass(20_000);
    act(() => client.put({}));
    expect(text()).toContain("Last updated 17:45:00");
    await press(button("Refresh"));
    expect(text()).toContain("Last updated 17:45:20");
  });
});

describe("the states of the list", () => {
  it("first loading: three empty lines, a word for it, and another after ten seconds", async () => {
    const client = fakeClient();
    client.answer("sessions", new Promise(() => {}));
    await show(<ActiveSessions />, { client });
    expect(document.querySelector("[aria-busy=true]")).toBeTruthy();
    expect(document.querySelectorAll(".sojourn-skeleton")).toHaveLength(3);
    expect(text()).toContain("Loading your sessions…");
    expect(text()).not.toContain("longer than usual");
    await pass(10_000);
    expect(text()).toContain("This is taking longer than usual.");
  });

  it("with data from the server: no skeleton, no request", async () => {
    const queryClient = new QueryClient();
    queryClient.setQueryData(keys.sessions(), listOf([HERE, row("7")]));
    const { client } = await show(<ActiveSessions />, { queryClient });
    expect(lines()).toHaveLength(2);
    expect(client.asked("sessions")).toHaveLength(0);
  });

  it("refreshing: the list stays, the button says so and takes no second click", async () => {
    const { client } = await show(<ActiveSessions />);
    client.answer("sessions", new Promise(() => {}));
    await press(button("Refresh"));
    await press(button("Refreshing…"));
    expect(button("Refreshing…").getAttribute("aria-disabled")).toBe("true");
    expect(lines()).toHaveLength(2);
    expect(client.asked("sessions")).toHaveLength(2);
  });

  it("only this device: says so, and has no bulk button", async () => {
    await show(<ActiveSessions />, { client: fakeClient([HERE]) });
    expect(text()).toContain("You are only signed in here.");
    expect(screen.queryByRole("button", { name: /others/ })).toBeNull();
  });

  it("empty", async () => {
    await show(<ActiveSessions />, { client: fakeClient([]) });
    expect(text()).toContain("No active sessions found.");
    expect(button("Refresh")).toBeTruthy();
  });

  it("an error with nothing to show: what, the request, and trying again", async () => {
    const client = fakeClient();
    client.answer("sessions", failure("forbidden", 403, { facts: { request_id: "req-42" } }));
    await show(<ActiveSessions />, { client });
    const alert = screen.getByRole("alert");
    expect(alert.textContent).toContain("You do not have permission");
    expect(alert.textContent).toContain("Request req-42");
    client.answer("sessions", listOf([HERE]));
    await press(within(alert).getByRole("button", { name: "Try again" }));
    expect(screen.queryByRole("alert")).toBeNull();
    expect(lines()).toHaveLength(1);
  });

  it.each([
    ["network", 0, "Network error. Please check your connection."],
    ["timeout", 0, "Request timeout. Please try again."],
    ["server", 500, "Something went wrong on our side. Please try again."],
    ["csrf", 403, "This page is out of date. Reload and try again."],
  ])("an error %s in its own words", async (code, status, said) => {
    const client = fakeClient();
    client.answer("sessions", failure(code, status));
    await show(<ActiveSessions />, { client });
    await pass(10_000); // what may pass is tried again first
    expect(screen.getByRole("alert").textContent).toContain(said);
  });

  it("an error over old data: the list stays, with its age", async () => {
    const { client } = await show(<ActiveSessions />);
    await pass(30_000);
    client.answer("sessions", failure("network"));
    await press(button("Refresh"));
    await pass(10_000);
    expect(lines()).toHaveLength(2);
    expect(screen.getByRole("alert").textContent).toContain(
      "Could not refresh (Network error). Showing data from 17:45:00.",
    );
  });

  it("offline: says so, and what would need the network is off with the reason", async () => {
    const { client } = await show(<ActiveSessions />);
    act(() => client.put({ online: false }));
    const out = button("Sign out of iPhone 13");
    expect(out.getAttribute("aria-disabled")).toBe("true");
    const why = document.getElementById(out.getAttribute("aria-describedby") ?? "");
    expect(why?.textContent).toBe("You are offline. The list may be out of date.");
    await press(out);
    expect(client.asked("revoke")).toHaveLength(0);
  });

  it("rate limited: shut until then, counting for the eye alone", async () => {
    const client = fakeClient();
    client.answer("sessions", failure("rate_limited", 429, { retryAfter: 7 }));
    await show(<ActiveSessions />, { client });
    const alert = screen.getByRole("alert");
    expect(alert.textContent).toContain("Too many requests. Please try again in 7 seconds.");
    const again = within(alert).getByRole("button", { name: "Try again" });
    await press(again);
    expect(client.asked("sessions")).toHaveLength(1);
    await pass(3_000);
    expect(alert.querySelector("[aria-hidden=true]")?.textContent).toBe("4 seconds");
    expect(alert.textContent).toContain("try again in 7 seconds.");
    await pass(4_000);
    await press(again);
    expect(client.asked("sessions")).toHaveLength(2);
  });

  it("signed out: says so, and asks no more", async () => {
    const { client } = await show(<ActiveSessions />);
    act(() => {
      client.put({ status: "signedOut", user: null, session: null });
      client.emit("signedOut", { here: false });
    });
    await pass(120_000);
    expect(lines()).toHaveLength(0);
    expect(text()).toContain("You are signed out.");
    expect(client.asked("sessions")).toHaveLength(1);
  });
});

describe("signing out one", () => {
  const out = () => press(button("Sign out of iPhone 13"));

  it("happens in place, and can be undone while the seconds run", async () => {
    const { client } = await show(<ActiveSessions />);
    await out();
    expect(client.asked("revoke")).toEqual([["revoke", "13", { undo: true }]]);
    expect(lines()[1]?.textContent).toContain("Signed out");
    expect(text()).toContain("1 device ·");
    await pass(2_000);
    expect(lines()[1]?.querySelector(".sojourn-count")?.textContent).toBe("8 seconds");
    await press(button("Undo: stay signed in on iPhone 13"));
    expect(client.asked("undo")).toEqual([["undo", "13"]]);
    expect(button("Sign out of iPhone 13")).toBeTruthy();
    expect(screen.getByText("Still signed in on iPhone 13")).toBeTruthy();
  });

  it("is final when they have run out; the focus goes to the next line, never to the page", async () => {
    await show(<ActiveSessions />, {
      client: fakeClient([HERE, row("13"), row("14", { seen_at: at(-DAY) })]),
    });
    await out();
    expect(document.activeElement).toBe(button("Undo: stay signed in on iPhone 13"));
    await pass(10_000);
    expect(lines()).toHaveLength(2);
    expect(lines()[1]?.contains(document.activeElement)).toBe(true);
  });

  it("shows it at once, before the server has answered", async () => {
    const { client } = await show(<ActiveSessions />);
    client.answer("revoke", new Promise(() => {}));
    await out();
    expect(lines()[1]?.textContent).toContain("Signed out");
    expect(button(/Undo/).getAttribute("aria-disabled")).toBe("true");
  });

  it("that failed puts the line back, with the error in it and another try", async () => {
    const { client } = await show(<ActiveSessions />);
    client.answer("revoke", failure("server", 500));
    await out();
    const line = lines()[1] as HTMLElement;
    expect(within(line).getByRole("alert").textContent).toContain("Something went wrong on our side.");
    client.answer("revoke", { id: "13", undo_until: null });
    await press(within(line).getByRole("button", { name: "Try again" }));
    expect(line.textContent).toContain("Signed out");
  });

  it("that was gone already is a success", async () => {
    const { client } = await show(<ActiveSessions />);
    client.answer("revoke", failure("not_found", 404));
    client.answer("sessions", listOf([HERE]));
    await out();
    expect(lines()).toHaveLength(1);
    expect(screen.getByText("That device was already signed out.")).toBeTruthy();
  });

  it("too late to undo: says so", async () => {
    const { client } = await show(<ActiveSessions />);
    client.answer("undo", failure("undo_expired", 409, { message: "It is too late to undo this." }));
    await out();
    await press(button(/Undo/));
    expect(text()).toContain("It is too late to undo this.");
    expect(screen.queryByRole("button", { name: /Undo/ })).toBeNull();
  });

  it("of whom nothing is known yet finds out whether it can be undone, and does it once", async () => {
    const client = fakeClient();
    client.put({ limits: null });
    let tell = () => {};
    client.answer(
      "current",
      () =>
        new Promise((done) => {
          tell = () => done({ user: null, session: HERE, limits: LIMITS, server_now: at(0) });
        }),
    );
    await show(<ActiveSessions />, { client });
    await out();
    await out();
    expect(client.asked("revoke")).toHaveLength(0);
    await act(async () => tell());
    await pass();
    expect(screen.queryByRole("dialog")).toBeNull();
    expect(client.asked("revoke")).toHaveLength(1);
    expect(client.asked("current")).toHaveLength(1);
    expect(button(/Undo/)).toBeTruthy();
  });

  it("asks first where nobody can say whether it can be undone", async () => {
    const client = fakeClient();
    client.put({ limits: null });
    client.answer("current", failure("unavailable", 503));
    await show(<ActiveSessions />, { client });
    await out();
    await pass(60_000);
    expect(screen.getByRole("dialog", { name: "Sign out of iPhone 13?" })).toBeTruthy();
    expect(client.asked("revoke")).toHaveLength(0);
  });

  it("asks first where it cannot be undone", async () => {
    const { client } = await show(<ActiveSessions />);
    act(() => client.put({ limits: { ...LIMITS, undo_for: 0 } }));
    client.answer("revoke", { id: "13", undo_until: null });
    await out();
    const dialog = screen.getByRole("dialog", { name: "Sign out of iPhone 13?" });
    expect(client.asked("revoke")).toHaveLength(0);
    client.answer("sessions", listOf([HERE]));
    await press(within(dialog).getByRole("button", { name: "Sign out" }));
    expect(lines()[1]?.textContent).toContain("Signed out");
    expect(screen.queryByRole("button", { name: /Undo/ })).toBeNull();
    await pass(5_000);
    expect(lines()).toHaveLength(1);
  });
});

describe("signing out all others", () => {
  const three = () => fakeClient([HERE, row("13"), row("14")]);
  const open = async () => {
    await press(button("Sign out all others…"));
    return screen.getByRole("dialog", { name: "Sign out everywhere else?" });
  };

  it("asks, says the number, and begins at the safe button", async () => {
    await show(<ActiveSessions />, { client: three() });
    const dialog = await open();
    expect(dialog.textContent).toContain("2 other devices will be signed out. This device stays signed in.");
    expect(document.activeElement?.textContent).toBe("Cancel");
  });

  it("Escape cancels, and the focus returns", async () => {
    const { client } = await show(<ActiveSessions />, { client: three() });
    fireEvent.keyDown(await open(), { key: "Escape" });
    await pass();
    expect(screen.queryByRole("dialog")).toBeNull();
    expect(document.activeElement).toBe(button("Sign out all others…"));
    expect(client.asked("revokeOthers")).toHaveLength(0);
  });

  it("does it once, however often one clicks, and says how many", async () => {
    const { client } = await show(<ActiveSessions />, { client: three() });
    const yes = within(await open()).getByRole("button", { name: "Sign out 2 devices" });
    await act(async () => {
      yes.click();
      yes.click();
    });
    await pass();
    expect(client.asked("revokeOthers")).toHaveLength(1);
    expect(lines()).toHaveLength(1);
    expect(screen.getByText("Signed out of 2 other devices.")).toBeTruthy();
    expect(document.activeElement).not.toBe(document.body);
  });

  it("tells what is left", async () => {
    const client = three();
    client.answer("revokeOthers", () => {
      client.answer("sessions", listOf([HERE, row("14")]));
      return { count: 1 };
    });
    await show(<ActiveSessions />, { client });
    await press(within(await open()).getByRole("button", { name: "Sign out 2 devices" }));
    expect(screen.getByText("Signed out of 1 of 2 devices. Try again for the rest.")).toBeTruthy();
  });

  it("an error stays in the dialog", async () => {
    const { client } = await show(<ActiveSessions />, { client: three() });
    client.answer("revokeOthers", failure("network"));
    const dialog = await open();
    await press(within(dialog).getByRole("button", { name: "Sign out 2 devices" }));
    expect(within(dialog).getByRole("alert").textContent).toContain("Network error.");
  });
});

describe("a device that one does not know", () => {
  it("is ended for good, with the others if wanted, and the way to a new password", async () => {
    const { client } = await show(<ActiveSessions passwordUrl="/pw" />);
    await press(button("Not me? iPhone 13"));
    expect(document.activeElement?.textContent).toBe("Keep it, it is me");
    await press(screen.getByRole("checkbox", { name: "Sign out everything else too" }));
    await press(button("Secure my account"));
    expect(client.asked("report")).toEqual([["report", "13", { others: true }]]);
    const dialog = screen.getByRole("dialog");
    expect(dialog.textContent).toContain("iPhone 13 is signed out.");
    expect(within(dialog).getByRole("link", { name: "Change your password" }).getAttribute("href")).toBe(
      "/pw",
    );
    expect(screen.queryByRole("button", { name: /Undo/ })).toBeNull();
    await press(within(dialog).getByRole("button", { name: "Close" }));
    expect(document.activeElement).not.toBe(document.body);
  });
});

describe("a name of one's own", () => {
  it("is given in the details, and shown at once", async () => {
    const { client } = await show(<ActiveSessions />);
    const line = lines()[1] as HTMLElement;
    await press(within(line).getByRole("button", { name: "Rename device", hidden: true }));
    const field = within(line).getByRole("textbox", { hidden: true });
    fireEvent.input(field, { target: { value: " Kitchen phone " } });
    await press(within(line).getByRole("button", { name: "Save", hidden: true }));
    expect(client.asked("rename")).toEqual([["rename", "13", "Kitchen phone"]]);
    expect(lines()[1]?.textContent).toContain("Phone: Kitchen phone");
    expect(lines()[1]?.textContent).toContain("Safari on iOS");
  });
});

describe("tips", () => {
  it("offer to sign out what has not been used for a month", async () => {
    const old = (id: string) => row(id, { seen_at: at(-31 * DAY), expires_at: at(DAY) });
    const client = fakeClient([HERE, row("13"), old("1"), old("2")]);
    await show(<ActiveSessions />, { client });
    expect(text()).toContain("2 devices have not been used for over 30 days.");
    await press(button("Sign out these 2…"));
    await press(within(screen.getByRole("dialog")).getByRole("button", { name: "Sign out 2 devices" }));
    expect(client.asked("revoke")).toEqual([
      ["revoke", "1"],
      ["revoke", "2"],
    ]);
    expect(lines()).toHaveLength(2);
    expect(screen.getByText("Signed out of 2 devices.")).toBeTruthy();
  });
});

describe("order", () => {
  it("is this device, then the latest; and does not change under the hand", async () => {
    const a = row("a", { seen_at: at(-60_000) });
    const b = row("b", { seen_at: at(-120_000) });
    const client = fakeClient([b, a, HERE]);
    await show(<ActiveSessions />, { client });
    const names = () => lines().map((line) => line.querySelector("bdi")?.textContent);
    expect(names()).toEqual(["Chrome 143 on macOS", "iPhone a", "iPhone b"]);
    client.answer("sessions", listOf([HERE, a, row("b", { seen_at: at(0) }), row("c", { seen_at: at(0) })]));
    await act(async () => button("Sign out of iPhone b").focus());
    await act(async () => client.emit("sessions", undefined));
    await pass();
    expect(names()).toEqual(["Chrome 143 on macOS", "iPhone a", "iPhone b", "iPhone c"]);
    expect(screen.getByText("New device: iPhone c")).toBeTruthy();
    await act(async () => button("Refresh").focus());
    await pass();
    expect(names()).toEqual(["Chrome 143 on macOS", "iPhone b", "iPhone c", "iPhone a"]);
  });
});

it("asks each minute while it is looked at, and never marks that as a person's act", async () => {
  const { client } = await show(<ActiveSessions />);
  await pass(61_000);
  expect(client.asked("sessions").map((call) => call[2])).toMatchObject([
    { passive: true },
    { passive: true },
  ]);
  await press(button("Refresh"));
  expect(client.asked("sessions").at(-1)?.[2]).toMatchObject({ passive: false });
  vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
  document.dispatchEvent(new Event("visibilitychange"));
  await pass(300_000);
  expect(client.asked("sessions")).toHaveLength(3);
});
