import { QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { act, fireEvent, render, screen, within } from "@testing-library/react";
import { Fragment, type ReactNode, StrictMode } from "react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ActiveSessions } from "../../src/react/ActiveSessions.tsx";
import { useAdminRevoke, useAdminSessions } from "../../src/react/admin.ts";
import { Preferences, RecentlySignedOut } from "../../src/react/cards.ts";
import type { Notice } from "../../src/react/context.ts";
import { SessionProvider } from "../../src/react/provider.tsx";
import { SessionExpiredModal } from "../../src/react/SessionExpiredModal.tsx";
import { SessionExpiryWarning } from "../../src/react/SessionExpiryWarning.tsx";
import { SessionStatus } from "../../src/react/SessionStatus.tsx";
import {
  getSessions,
  logoutAllSessions,
  logoutSession,
  sessionEvents,
  setDefaultClient,
} from "../../src/react/seeds.ts";
import { useSession, useSessionExpiry } from "../../src/react/session.ts";
import { type UseSessionsResult, useSessions } from "../../src/react/sessions.ts";
import { at, ended, failure, fakeClient, HERE, listOf, NOW, row, USER } from "../fake.ts";
import { frozen, pass, press, show } from "./render.tsx";

frozen();
afterEach(() => setDefaultClient(null));

const DAY = 86_400_000;
/** What the served pages run on has none. */
const Strict = StrictMode ?? Fragment;

describe("useSessions", () => {
  let seen: UseSessionsResult;
  function Probe(): ReactNode {
    seen = useSessions();
    return <p>{seen.isLoading ? "loading" : seen.sessions?.map((one) => one.id).join()}</p>;
  }

  it("has the shape that the seeds use, beside TanStack's own", async () => {
    await show(<Probe />);
    expect(screen.getByText("here,13")).toBeTruthy();
    expect(seen.dataUpdatedAt).toBe(NOW);
    expect(seen.isSuccess).toBe(true);
  });

  it("logs out one for good, and says so", async () => {
    const notices: Notice[] = [];
    const { client } = await show(<Probe />, {
      vocabulary: "logIn",
      notify: (notice) => notices.push(notice),
    });
    await act(() => seen.logout("13"));
    await pass();
    expect(client.asked("revoke")).toEqual([["revoke", "13"]]);
    expect(screen.getByText("here")).toBeTruthy();
    expect(notices).toEqual([{ kind: "success", text: "Logged out of iPhone 13" }]);
  });

  it("logs out all others, and says how many", async () => {
    const notices: Notice[] = [];
    const client = fakeClient([HERE, row("1"), row("2")]);
    await show(<Probe />, { client, notify: (notice) => notices.push(notice) });
    await act(() => seen.logoutAll());
    expect(notices).toEqual([{ kind: "success", text: "Signed out of 2 other devices." }]);
  });

  it("tells a failure instead of rejecting", async () => {
    const notices: Notice[] = [];
    const { client } = await show(<Probe />, { notify: (notice) => notices.push(notice) });
    client.answer("revoke", failure("network"));
    await act(() => seen.logout("13"));
    expect(notices).toEqual([{ kind: "error", text: "Network error. Please check your connection." }]);
  });

  it.each([
    [401, "unauthenticated"],
    [403, "forbidden"],
    [429, "rate_limited"],
  ])("does not try again after %i", async (status, code) => {
    const client = fakeClient();
    client.answer("sessions", failure(code, status));
    await show(<Probe />, { client });
    await pass(30_000);
    expect(client.asked("sessions")).toHaveLength(1);
  });

  it('is refreshed by an invalidation of ["sessions"], and by news of the list', async () => {
    const { client, queryClient } = await show(<Probe />);
    await act(() => queryClient.invalidateQueries({ queryKey: ["sessions"] }));
    expect(client.asked("sessions")).toHaveLength(2);
    await act(async () => client.emit("sessions", undefined));
    await pass();
    expect(client.asked("sessions").map((call) => call[2])).toMatchObject(Array(3).fill({ passive: true }));
  });

  it("refetches on focus, at most every five seconds", async () => {
    const { client } = await show(<Probe />);
    const focus = async () => {
      act(() => void document.dispatchEvent(new Event("visibilitychange", { bubbles: true })));
      await pass();
    };
    await focus();
    expect(client.asked("sessions")).toHaveLength(1);
    await pass(5_001);
    await focus();
    expect(client.asked("sessions")).toHaveLength(2);
  });
});

describe("the seeds' functions", () => {
  it("work in hooks as the seeds write them", async () => {
    const client = fakeClient([HERE, row("13"), row("14")]);
    setDefaultClient(client);
    function Seed(): ReactNode {
      const queryClient = useQueryClient();
      const done = { onSuccess: () => queryClient.invalidateQueries({ queryKey: ["sessions"] }) };
      const { data: sessions } = useQuery({
        queryKey: ["sessions"],
        queryFn: getSessions,
        refetchInterval: 60_000,
      });
      const one = useMutation({ mutationFn: logoutSession, ...done });
      const all = useMutation({ mutationFn: logoutAllSessions, ...done });
      return (
        <>
          <p>{sessions?.map((session) => session.id).join()}</p>
          <button type="button" onClick={() => one.mutate("13")}>
            one
          </button>
          <button type="button" onClick={() => all.mutate()}>
            all
          </button>
        </>
      );
    }
    await show(<Seed />, { client });
    await press(screen.getByText("one"));
    expect(screen.getByText("here,14")).toBeTruthy();
    await press(screen.getByText("all"));
    expect(screen.getByText("here")).toBeTruthy();
    expect(client.asked("sessions").every((call) => (call[2] as { passive?: boolean }).passive)).toBe(true);
  });

  it("tell of the end to whoever subscribed, until they leave", () => {
    const client = fakeClient();
    setDefaultClient(client);
    const heard = vi.fn();
    const unsubscribe = sessionEvents.subscribe(heard);
    const ending = { code: "session_expired", reason: "idle", device: null, undoUntil: null, limit: 900 };
    client.emit("expired", ending);
    unsubscribe();
    client.emit("expired", ending);
    expect(heard.mock.calls).toEqual([[ending]]);
    expect(client.open).toBe(0);
  });
});

describe("useSession", () => {
  function Probe(): ReactNode {
    const { data, user, status, isPending, error } = useSession();
    return <p>{[data?.id, user?.name, status, isPending ? "pending" : "", error?.message].join(" ")}</p>;
  }

  it("knows who is here, and asks if it does not", async () => {
    const client = fakeClient();
    client.put({ status: "unknown", session: null, user: null, limits: null });
    client.answer("current", new Promise(() => {}));
    const { container } = await show(<Probe />, { client });
    expect(container.textContent).toBe("  unknown pending ");
    expect(client.asked("current")[0]?.[1]).toMatchObject({ passive: true });
    act(() => client.put({ status: "signedIn", session: HERE, user: USER }));
    expect(container.textContent).toContain("here Ada signedIn");
  });

  it("to be signed out is no error", async () => {
    const client = fakeClient();
    client.put({ status: "unknown", session: null, user: null });
    client.answer("current", () => {
      client.put({ status: "signedOut" });
      throw failure("unauthenticated", 401);
    });
    const { container } = await show(<Probe />, { client });
    expect(container.textContent).toBe("  signedOut  ");
  });
});

describe("useSessionExpiry", () => {
  it("counts down on the server's clock, and extends", async () => {
    const client = fakeClient();
    client.put({ idleEndsAt: NOW + 90_000 });
    function Probe(): ReactNode {
      const { remaining, extend } = useSessionExpiry();
      return (
        <button type="button" onClick={() => void extend()}>
          {remaining}
        </button>
      );
    }
    const { container } = await show(<Probe />, { client });
    expect(container.textContent).toBe("90000");
    await pass(30_000);
    expect(container.textContent).toBe("60000");
    await press(screen.getByRole("button"));
    expect(client.asked("extend")).toHaveLength(1);
  });
});

describe("the provider", () => {
  const everything = (
    <>
      <ActiveSessions />
      <RecentlySignedOut />
      <Preferences />
      <SessionStatus />
      <SessionExpiredModal />
      <SessionExpiryWarning />
    </>
  );

  it("leaves nothing open, in strict mode either", async () => {
    const client = fakeClient();
    const queryClient = new QueryClient();
    const { unmount } = await show(<Strict>{everything}</Strict>, { client, queryClient });
    const open = client.open;
    unmount();
    expect(client.open).toBe(0);
    const plain = await show(everything, { client, queryClient });
    expect(client.open).toBe(open); // mounted twice, listened once
    plain.unmount();
    expect(client.open).toBe(0);
    queryClient.clear(); // it has timers of its own, for what is unused
    expect(vi.getTimerCount()).toBe(0);
  });

  it("starts once under an outer strict mode, and stops", async () => {
    const client = fakeClient();
    const { unmount } = render(
      <Strict>
        <SessionProvider client={client} queryClient={new QueryClient()} />
      </Strict>,
    );
    await pass();
    const strict = client.open;
    unmount();
    expect(client.open).toBe(0);
    const plain = render(<SessionProvider client={client} queryClient={new QueryClient()} />);
    await pass();
    expect(client.open).toBe(strict);
    plain.unmount();
    expect(client.open).toBe(0);
  });

  it("forgets what was personal when the session is over, unless told otherwise", async () => {
    for (const keepData of [false, true]) {
      const { client, queryClient, unmount } = await show(<ActiveSessions />, { keepData });
      queryClient.setQueryData(["letters"], ["dear Ada"]);
      act(() => {
        client.put({ status: "expired", session: null });
        client.emit("expired", {
          code: "session_expired",
          reason: "idle",
          device: null,
          undoUntil: null,
          limit: 1,
        });
      });
      await pass();
      expect(queryClient.getQueryData(["letters"])).toEqual(keepData ? ["dear Ada"] : undefined);
      expect(document.body.textContent?.includes("iPhone 13")).toBe(keepData);
      unmount();
    }
  });

  it("fetches again what it had when the session is back", async () => {
    const { client } = await show(<ActiveSessions />);
    const ending = { code: "session_revoked", reason: "user", device: null, undoUntil: null, limit: null };
    act(() => {
      client.put({ status: "expired", session: null, ending });
      client.emit("expired", ending);
    });
    await pass(120_000);
    expect(client.asked("sessions")).toHaveLength(1);
    act(() => {
      client.put({ status: "signedIn", session: HERE, ending: null });
      client.emit("restored", undefined);
    });
    await pass();
    expect(document.body.textContent).toContain("iPhone 13");
  });

  it("loads the page anew when somebody else has signed in, and only then", async () => {
    const reload = vi.fn();
    const { client } = await show(<ActiveSessions />, { reload });
    act(() => client.emit("signedIn", { user: USER, same: true }));
    expect(reload).not.toHaveBeenCalled();
    act(() => client.emit("signedIn", { user: { ...USER, id: "eve" }, same: false }));
    expect(reload).toHaveBeenCalledTimes(1);
  });

  it("tells of the sign-out, here or elsewhere; whoever signs in next needs no new page", async () => {
    const [reload, onSignedOut] = [vi.fn(), vi.fn()];
    const { client } = await show(<ActiveSessions />, { reload, onSignedOut });
    act(() => {
      client.put({ status: "signedOut", user: null, session: null });
      client.emit("signedOut", { here: true });
    });
    expect(onSignedOut.mock.calls).toEqual([[{ here: true }]]);
    act(() => client.emit("signedIn", { user: { ...USER, id: "eve" }, same: false }));
    expect(reload).not.toHaveBeenCalled();
  });

  it("takes slots and class names of the host", async () => {
    await show(<SessionStatus />, {
      unstyled: true,
      classNames: { button: "btn", quiet: "btn-quiet" },
      components: { Icon: () => <b>icon</b> },
    });
    expect(screen.getByRole("button", { name: "Sign out" }).className).toBe("btn btn-quiet");
    expect(document.querySelector("[class*=sojourn-]")).toBeNull();
  });

  it("says it politely in one place", async () => {
    await show(<ActiveSessions />);
    await press(screen.getByRole("button", { name: "Sign out of iPhone 13" }));
    expect(screen.getAllByRole("status").map((region) => region.textContent)).toEqual([
      "Signed out of iPhone 13",
    ]);
    await pass(10_000);
    expect(screen.getByRole("status").textContent).toBe("");
  });
});

describe("the other parts", () => {
  it("history: why and by whom, never the administrator's name", async () => {
    const client = fakeClient();
    const rows = [
      ended("1", { reason: "user", by: "user" }),
      ended("2", { reason: "password_changed", by: "admin" }),
      ended("3", { expires_at: at(0), ends_at: at(DAY) }),
      ended("4", { created_at: at(-30 * DAY), expires_at: at(0), ends_at: at(0) }),
      ended("5", { reason: "reported", by: "user" }),
    ];
    client.answer("history", { sessions: rows, count: rows.length, server_now: at(0) });
    await show(<RecentlySignedOut days={28} />, { client });
    const said = screen
      .getAllByRole("listitem")
      .map((line) => line.querySelector(".sojourn-facts span")?.textContent);
    expect(said).toEqual([
      "Signed out by you, from another device",
      "Your password was changed by an administrator",
      "Ended because it was not used",
      "Ended after 30 days",
      "Signed out because you did not recognise it",
    ]);
    expect(document.body.textContent).toContain("The latest, from the last 28 days.");
  });

  it("history: nothing", async () => {
    await show(<RecentlySignedOut days={28} />);
    expect(document.body.textContent).toContain("Nothing in the last 28 days.");
  });

  it("preferences: what may be chosen, saved once it was confirmed who is here", async () => {
    const client = fakeClient();
    client.answer("setPreferences", failure("reauth_required", 403, { facts: { methods: ["password"] } }));
    await show(<Preferences />, { client });
    const choice = screen.getByLabelText("Sign out automatically if inactive for") as HTMLSelectElement;
    expect([...choice.options].map((option) => option.text)).toEqual([
      "The usual time",
      "15 minutes",
      "1 hour",
      "1 day",
      "7 days",
    ]);
    choice.value = "3600";
    await press(screen.getByRole("button", { name: "Save" }));
    client.answer("setPreferences", { ...(await client.preferences()), idle_timeout: 3600 });
    fireEvent.input(screen.getByLabelText("Password"), { target: { value: "open sesame" } });
    await press(within(screen.getByRole("dialog")).getByRole("button", { name: "Confirm" }));
    expect(client.asked("setPreferences")).toEqual(Array(2).fill(["setPreferences", { idle_timeout: 3600 }]));
    expect(screen.getByText("Saved.")).toBeTruthy();
    expect((screen.getByRole("combobox") as HTMLSelectElement).value).toBe("3600");
  });

  it("status: who, and the way out; or the way in", async () => {
    const { client } = await show(<SessionStatus />);
    expect(document.body.textContent).toContain("Signed in as ada@example.org");
    await press(screen.getByRole("button", { name: "Sign out" }));
    expect(client.asked("signOut")).toHaveLength(1);
    act(() => client.put({ status: "signedOut", user: null, session: null }));
    expect(screen.getByRole("link", { name: "Sign in" }).getAttribute("href")).toBe("/sign-in");
  });

  it("administrators: lists by query, revokes with a reason, and looks again", async () => {
    const client = fakeClient();
    client.answer("admin.request", listOf([HERE]));
    function Probe(): ReactNode {
      const { data } = useAdminSessions<{ count: number }>({ q: "ada" });
      const { mutate } = useAdminRevoke();
      return (
        <button type="button" onClick={() => mutate({ id: "13", reason: "lost" })}>
          {data?.count}
        </button>
      );
    }
    await show(<Probe />, { client });
    await press(screen.getByText("1"));
    expect(client.asked("admin.revoke")).toEqual([["admin.revoke", "13", { reason: "lost" }]]);
    const passively = ["admin.request", "/sessions", { query: { q: "ada" }, passive: true }];
    expect(client.asked("admin.request")).toEqual(Array(2).fill(passively));
  });
});
