import { act, fireEvent, screen, within } from "@testing-library/react";
import { describe, expect, it, vi } from "vitest";
import type { Ending } from "../../src/client/types.ts";
import { ActiveSessions } from "../../src/react/ActiveSessions.tsx";
import { ReauthDialog } from "../../src/react/ReauthDialog.tsx";
import { SessionExpiredModal } from "../../src/react/SessionExpiredModal.tsx";
import { SessionExpiryWarning } from "../../src/react/SessionExpiryWarning.tsx";
import { type FakeClient, failure, fakeClient, HERE, LIMITS, NOW, row } from "../fake.ts";
import { frozen, pass, press, show } from "./render.tsx";

frozen();

const button = (name: string) => screen.getByRole("button", { name });

describe("session expired", () => {
  const NO_ENDING: Ending = {
    code: "session_revoked",
    reason: null,
    device: null,
    undoUntil: null,
    limit: null,
  };
  const expire = (client: FakeClient, given: Partial<Ending>) =>
    act(() => client.put({ status: "expired", session: null, ending: { ...NO_ENDING, ...given } }));
  const shown = () => screen.getByRole("alertdialog", { name: "Session expired" });

  it.each<[Partial<Ending>, string]>([
    [{ reason: "idle", limit: 900 }, "You were signed out because you were inactive for 15 minutes."],
    [{ reason: "absolute", limit: 30 * 86_400 }, "For your security, sessions end after 30 days."],
    [{ reason: "user", device: "iPhone 13" }, "You signed this device out from iPhone 13."],
    [{ reason: "user" }, "You signed this device out from another one."],
    [{ reason: "admin" }, "An administrator signed you out."],
    [{ reason: "password_changed" }, "Your password was changed. Please sign in with the new one."],
    [{ reason: "replay" }, "We noticed something unusual and signed you out to protect your account."],
    [{ code: "refresh_reused" }, "We noticed something unusual and signed you out to protect your account."],
    [{ reason: "reported" }, "This device was signed out because it was not recognised."],
    [{ reason: "who knows" }, "Your session has ended."],
    [{ code: "unauthenticated" }, "Your session has ended."],
  ])("says why: %o", async (ending, said) => {
    const { client } = await show(<SessionExpiredModal />);
    expire(client, ending);
    expect(shown().textContent).toContain(said);
  });

  it("the tip names the real limit, and is not there where there is none", async () => {
    const { client } = await show(<SessionExpiredModal />);
    expire(client, { reason: "admin" });
    expect(shown().textContent).toContain("For your safety we end sessions after 7 days without activity.");
    act(() => client.put({ limits: { ...LIMITS, idle_timeout: null } }));
    expect(shown().textContent).not.toContain("without activity");
  });

  it("the way back leads through the login page, with this path and why", async () => {
    history.replaceState(null, "", "/board?tab=2#row");
    const navigate = vi.fn();
    const { client } = await show(<SessionExpiredModal />, { navigate, loginUrl: "/login?brand=x" });
    expire(client, { code: "session_expired", reason: "idle" });
    const url = "/login?brand=x&next=%2Fboard%3Ftab%3D2%23row&reason=idle";
    expect(document.activeElement).toBe(button("Log in again"));
    const tab = screen.getByRole("link", { name: "Open login in new tab" });
    expect([tab.getAttribute("href"), tab.getAttribute("target")]).toEqual([url, "_blank"]);
    await press(button("Log in again"));
    expect(navigate).toHaveBeenCalledWith(url);
  });

  it("stands in nobody's way on the login page, where a router brought the person", async () => {
    const navigate = (url: string) => history.pushState(null, "", url);
    const { client } = await show(<SessionExpiredModal />, { navigate, loginUrl: "/login" });
    expire(client, { reason: "idle" });
    await press(button("Log in again"));
    expect(location.pathname).toBe("/login");
    expect(screen.queryByRole("alertdialog")).toBeNull();
    expect(document.body.textContent).not.toContain("You are signed out.");
    history.replaceState(null, "", "/board");
    act(() => client.put({ online: false })); // the page of before, shown again
    expect(button("Log in")).toBeTruthy();
  });

  it("closed, it leaves the page readable, and a bar", async () => {
    const { client } = await show(<SessionExpiredModal />);
    expire(client, { reason: "idle" });
    await press(button("Close"));
    expect(screen.queryByRole("alertdialog")).toBeNull();
    expect(document.body.textContent).toContain("You are signed out.");
    expect(button("Log in")).toBeTruthy();
    act(() => client.put({ online: false })); // no reason to come again
    expect(screen.queryByRole("alertdialog")).toBeNull();
  });

  it("goes by itself when the session is back, and says so", async () => {
    const { client } = await show(<SessionExpiredModal />);
    expire(client, { reason: "idle" });
    act(() => {
      client.put({ status: "signedIn", session: HERE, ending: null });
      client.emit("restored", undefined);
    });
    await pass();
    expect(screen.queryByRole("alertdialog")).toBeNull();
    expect(screen.getByText("You are signed in again")).toBeTruthy();
  });

  it("is not for the network, nor for who has signed out", async () => {
    const client = fakeClient();
    client.answer("sessions", failure("network"));
    await show(
      <>
        <ActiveSessions />
        <SessionExpiredModal />
      </>,
      { client },
    );
    act(() => client.put({ online: false }));
    act(() => client.put({ status: "signedOut" }));
    expect(screen.queryByRole("alertdialog")).toBeNull();
  });

  it("says that input is kept only where it is", async () => {
    const { client } = await show(<SessionExpiredModal keepsInput />);
    expire(client, { reason: "idle" });
    expect(shown().textContent).toContain("What you typed on this page is still here.");
  });
});

describe("the warning before", () => {
  const warn = (client: FakeClient, kind: "idle" | "absolute" = "idle", rest = 118_000) =>
    act(() => client.put({ warning: { kind, endsAt: NOW + rest } }));

  it('counts down for the eye, begins at "Stay signed in", and any key is an answer', async () => {
    const { client } = await show(<SessionExpiryWarning />);
    warn(client);
    const dialog = screen.getByRole("alertdialog", { name: "Still there?" });
    expect(dialog.querySelector("[aria-hidden=true].sojourn-count")?.textContent).toBe("1:58");
    await pass(3_000);
    expect(dialog.querySelector(".sojourn-count")?.textContent).toBe("1:55");
    expect(document.activeElement).toBe(button("Stay signed in"));
    fireEvent.keyDown(dialog, { key: "Tab" });
    expect(client.asked("extend")).toHaveLength(0);
    fireEvent.keyDown(dialog, { key: "x" });
    await pass();
    expect(client.asked("extend")).toHaveLength(1);
  });

  it("speaks at two minutes, one, 30 and 20 seconds, and keeps silent between", async () => {
    const { client } = await show(<SessionExpiryWarning />);
    warn(client, "idle", 119_000);
    const live = document.querySelector("[aria-live]") as HTMLElement;
    const heard: string[] = [live.textContent ?? ""];
    const watch = new MutationObserver(() => heard.push(live.textContent ?? ""));
    watch.observe(live, { childList: true, characterData: true, subtree: true });
    for (let second = 0; second < 110; second += 1) await pass(1_000);
    watch.disconnect();
    expect(heard).toEqual(
      ["2 minutes", "1 minute", "30 seconds", "20 seconds"].map(
        (left) => `You will be signed out in ${left}.`,
      ),
    );
  });

  it("goes when somebody was active elsewhere", async () => {
    const { client } = await show(<SessionExpiryWarning />);
    warn(client);
    act(() => client.put({ warning: null }));
    expect(screen.queryByRole("alertdialog")).toBeNull();
  });

  it("signs out at once if wanted", async () => {
    const { client } = await show(<SessionExpiryWarning />);
    warn(client);
    await press(button("Sign out now"));
    expect(client.asked("signOut")).toHaveLength(1);
  });

  it("of an end that nothing moves says when, and how to begin anew", async () => {
    const navigate = vi.fn();
    const { client } = await show(<SessionExpiryWarning />, { navigate });
    warn(client, "absolute");
    const dialog = screen.getByRole("alertdialog");
    expect(dialog.textContent).toContain(
      "Your session ends at 17:46 and cannot be extended. Save your work.",
    );
    await press(button("Log in again now"));
    expect(navigate.mock.calls[0]?.[0]).toMatch(/^\/sign-in\?next=/);
    await press(button("Close"));
    expect(screen.queryByRole("alertdialog")).toBeNull();
  });

  it("marks the title of a tab that nobody looks at, and gives it back", async () => {
    document.title = "Board";
    const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
    const { client } = await show(<SessionExpiryWarning />);
    warn(client);
    expect(document.title).toBe("Signing out soon – Board");
    hidden.mockReturnValue(false);
    act(() => void document.dispatchEvent(new Event("visibilitychange")));
    expect(document.title).toBe("Board");
    act(() => client.put({ warning: null }));
    expect(document.title).toBe("Board");
  });
});

describe("confirm it is you", () => {
  const NOT_FRESH = failure("reauth_required", 403, { facts: { methods: ["password", "acme"] } });
  const asked = async (answer: unknown = NOT_FRESH) => {
    const client = fakeClient([HERE, row("13")]);
    client.answer("revokeOthers", answer);
    const shown = await show(<ActiveSessions />, { client });
    await press(button("Sign out all others…"));
    await press(button("Sign out 1 device"));
    return shown;
  };
  const dialog = () => screen.getByRole("dialog", { name: "Confirm it is you" });
  const type = (password: string) =>
    fireEvent.input(within(dialog()).getByLabelText("Password"), { target: { value: password } });

  it("asks, then does once what was wanted", async () => {
    const { client } = await asked();
    expect(document.activeElement).toBe(within(dialog()).getByLabelText("Password"));
    client.answer("revokeOthers", { count: 1 });
    client.answer("sessions", { sessions: [HERE], count: 1, server_now: "" });
    type("open sesame");
    await press(within(dialog()).getByRole("button", { name: "Confirm" }));
    expect(client.asked("reauthenticate")).toEqual([["reauthenticate", { password: "open sesame" }]]);
    expect(client.asked("revokeOthers")).toHaveLength(2);
    expect(screen.queryByRole("dialog")).toBeNull();
    expect(screen.getByText("Signed out of 1 other device.")).toBeTruthy();
  });

  it("does not ask a second time for the same act", async () => {
    const { client } = await asked();
    type("open sesame");
    await press(within(dialog()).getByRole("button", { name: "Confirm" }));
    expect(client.asked("revokeOthers")).toHaveLength(2);
    expect(screen.getByRole("alert").textContent).toContain("Please confirm it is you.");
  });

  it("cancelled, nothing has happened, and the focus is where it was", async () => {
    const { client } = await asked();
    await press(within(dialog()).getByRole("button", { name: "Cancel" }));
    expect(screen.queryByRole("dialog", { name: "Confirm it is you" })).toBeNull();
    expect(client.asked("revokeOthers")).toHaveLength(1);
    expect(screen.queryByRole("alert")).toBeNull();
    expect(document.activeElement).toBe(button("Sign out 1 device"));
  });

  it("has three tries", async () => {
    const { client } = await asked();
    client.answer("reauthenticate", failure("invalid_credentials", 401));
    for (const left of ["2 tries left", "1 try left"]) {
      type("wrong");
      await press(within(dialog()).getByRole("button", { name: "Confirm" }));
      expect(within(dialog()).getByRole("alert").textContent).toContain(
        `This is not your password. ${left}.`,
      );
    }
    type("wrong");
    await press(within(dialog()).getByRole("button", { name: "Confirm" }));
    expect(screen.queryByRole("dialog", { name: "Confirm it is you" })).toBeNull();
    expect(client.asked("revokeOthers")).toHaveLength(1);
  });

  it("leads to the other services that the server names", async () => {
    history.replaceState(null, "", "/account/security");
    await asked();
    const link = within(dialog()).getByRole("link", { name: "Confirm with acme" });
    expect(link.getAttribute("href")).toBe("/sign-in/with/acme?confirm=1&next=%2Faccount%2Fsecurity");
  });

  it("is asked for one device too, where the server wants to know; cancelled, it stays", async () => {
    const client = fakeClient([HERE, row("13")]);
    client.answer("revoke", NOT_FRESH);
    await show(<ActiveSessions />, { client });
    await press(button("Sign out of iPhone 13"));
    await press(within(dialog()).getByRole("button", { name: "Cancel" }));
    expect(button("Sign out of iPhone 13")).toBeTruthy();
    await press(button("Sign out of iPhone 13"));
    client.answer("revoke", { id: "13", undo_until: null });
    type("open sesame");
    await press(within(dialog()).getByRole("button", { name: "Confirm" }));
    expect(client.asked("revoke")).toHaveLength(3);
    expect(document.body.textContent).toContain("Signed out of iPhone 13");
  });

  it("is the one that was placed, if one was", async () => {
    const client = fakeClient([HERE, row("13")]);
    client.answer("revokeOthers", NOT_FRESH);
    await show(
      <>
        <ActiveSessions />
        <ReauthDialog />
      </>,
      { client },
    );
    await press(button("Sign out all others…"));
    await press(button("Sign out 1 device"));
    expect(screen.getAllByRole("dialog", { name: "Confirm it is you" })).toHaveLength(1);
  });
});
