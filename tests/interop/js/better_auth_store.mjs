// What a page shows of the session, and when it asks again.
import assert from "node:assert/strict";
import { createAuthClient as createVanilla } from "better-auth/client";
import { createElement } from "react";
import { createRoot } from "react-dom/client";
import { clientIn } from "./better_auth_browser.mjs";
import { check, done, PASSWORD, until } from "./better_auth_world.mjs";

const ANOTHER = "analytical engine no. 3";
const asked = ({ browser }) => browser.answers.filter(({ path }) => path.startsWith("/api/auth/get-session")).length;
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// A page with one or more components that show who is signed in; `now` is what the last of them was given.
class Page {
  renders = 0;

  constructor(client, components = 1) {
    const place = document.body.appendChild(document.createElement("div"));
    const Who = () => {
      this.renders++;
      this.now = client.useSession();
      return createElement("p", null, this.now.data?.user.name ?? "nobody");
    };
    this.place = place;
    this.root = createRoot(place);
    this.root.render(Array.from({ length: components }, (_, key) => createElement(Who, { key })));
  }

  // Until the page is at rest and *seen* says so of its state.
  async shows(seen) {
    await until(() => this.now && !this.now.isPending && !this.now.isRefetching && seen(this.now));
    return this.now;
  }

  close() {
    this.root.unmount();
    this.place.remove();
  }
}

// Run *act* with a page in the browser of *somebody*, which is taken away afterwards. Its client is its own: the
// one that signed them in is about to ask again because of that.
async function shown(world, somebody, act, { components, ...options } = {}) {
  const client = world.client(somebody.browser, options);
  const page = new Page(client, components);
  page.client = client;
  try {
    await page.shows(() => asked(somebody) > 0);
    return await act(page);
  } finally {
    page.close();
  }
}

// The page asks again after *call*, and then shows what *seen* says.
const signalled = (world, somebody, call, seen = ({ data }) => data !== null) =>
  shown(world, somebody, async (page) => {
    const before = asked(somebody);
    done(await call(page.client));
    await until(() => asked(somebody) > before);
    return page.shows(seen);
  });

const hidden = (state) => Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
function focus() {
  hidden("visible");
  document.dispatchEvent(new window.Event("visibilitychange"));
}
const stored = (newValue) => window.dispatchEvent(new window.StorageEvent("storage", { key: "better-auth.message", newValue }));

// ── the first look ───────────────────────────────────────────────────────────────────────────

check("store-1", "nobody is signed in: null, without an error", async (world) => {
  const browser = world.browser();
  await shown(world, { browser }, async (page) => {
    const { data, error } = page.now;
    assert.deepEqual([data, error, page.place.textContent], [null, null, "nobody"]);
  });
});

check("store-2", "somebody is: who, until when, as Dates", async (world) => {
  const ada = await world.person();
  await shown(world, ada, async (page) => {
    assert.equal(page.place.textContent, "Ada");
    assert.equal(page.now.data.user.id, ada.user.id);
    assert.ok(page.now.data.session.expiresAt > new Date());
  });
});

check("store-3", "several components share one request", async (world) => {
  const ada = await world.person();
  await shown(world, ada, async (page) => {
    assert.equal(asked(ada), 1);
    assert.equal(page.place.textContent, "Ada".repeat(5));
  }, { components: 5 });
});

check("store-4", "asked again, nothing has changed: no time runs on, no key comes and goes", async (world) => {
  const ada = await world.person();
  await shown(world, ada, async (page) => {
    const { data } = page.now;
    await page.now.refetch();
    await page.now.refetch();
    await page.shows(() => asked(ada) === 3);
    assert.deepEqual(page.now.data, data); // it is another object each time: their comparison knows no dates
  });
});

check("store-5", "the plain client, without a framework, sees the same", async (world) => {
  const ada = await world.person();
  const client = clientIn(ada.browser, createVanilla);
  let now;
  const leave = client.useSession.subscribe((state) => (now = state));
  await until(() => now.data !== null);
  assert.deepEqual([now.data.user.id, now.error, now.isPending], [ada.user.id, null, false]);
  done(await client.signOut());
  await until(() => now.data === null && !now.isRefetching);
  leave();
});

// ── after each call that changes something ───────────────────────────────────────────────────

check("signal-1", "signing in", async (world) => {
  const { email, user } = await world.person();
  const browser = world.browser();
  const somebody = { browser };
  const { data } = await signalled(world, somebody, (client) => client.signIn.email({ email, password: PASSWORD }));
  assert.equal(data.user.id, user.id);
});

check("signal-2", "signing up", async (world) => {
  const browser = world.browser();
  const somebody = { browser };
  const email = world.email();
  assert.equal((await signalled(world, somebody, (client) => client.signUp.email({ email, password: PASSWORD, name: "Ada" }))).data.user.email, email);
});

check("signal-3", "signing out", async (world) => {
  const { data, error } = await signalled(world, await world.person(), (client) => client.signOut(), (now) => now.data === null);
  assert.deepEqual([data, error], [null, null]);
});

check("signal-4", "a new name", async (world) => {
  const named = ({ data }) => data.user.name === "Augusta";
  await signalled(world, await world.person(), (client) => client.updateUser({ name: "Augusta" }), named);
});

check("signal-5", "a field of the session", async (world) => {
  const dark = ({ data }) => data.session.theme === "dark";
  await signalled(world, await world.person(), (client) => client.updateSession({ theme: "dark" }), dark);
}, "fields");

check("signal-6", "a new password, with the others signed out", async (world) => {
  const change = (client) => client.changePassword({ currentPassword: PASSWORD, newPassword: ANOTHER, revokeOtherSessions: true });
  await signalled(world, await world.person(), change);
});

check("signal-7", "the other sessions revoked", async (world) => {
  await signalled(world, await world.person(), (client) => client.revokeOtherSessions());
});

check("signal-8", "all sessions revoked: this page knows at once", async (world) => {
  const nobody = ({ data }) => world.side(data === null, data !== null); // 1.7.7 answers from the copy in a cookie
  const { error } = await signalled(world, await world.person(), (client) => client.revokeSessions(), nobody);
  assert.equal(error, null);
}, "cache");

check("signal-9", "one's own session revoked from the list", async (world) => {
  const ada = await world.person();
  const [{ token }] = done(await ada.client.listSessions());
  const nobody = ({ data }) => world.side(data === null, data !== null);
  await signalled(world, ada, (client) => client.revokeSession({ token }), nobody);
}, "cache");

check("signal-10", "the account deleted", async (world) => {
  await signalled(world, await world.person(), (client) => client.deleteUser({ password: PASSWORD }), ({ data }) => data === null);
}, "delete");

check("signal-11", "acting as somebody, and stopping", async (world) => {
  const root = await world.admin();
  const ada = await world.person();
  const as = ({ data }) => data.user.id === ada.user.id && data.session.impersonatedBy === root.user.id;
  await signalled(world, root, (client) => client.admin.impersonateUser({ userId: ada.user.id }), as);
  await signalled(world, root, (client) => client.admin.stopImpersonating(), ({ data }) => data.user.id === root.user.id);
}, "admin");

check("signal-12", "another account of this browser", async (world) => {
  const [ada, bob] = [await world.person(), await world.person({ name: "Bob" })];
  const { token } = done(await ada.client.multiSession.listDeviceSessions())[0].session;
  done(await ada.client.signIn.email({ email: bob.email, password: PASSWORD }));
  await signalled(world, ada, (client) => client.multiSession.setActive({ sessionToken: token }), ({ data }) => data.user.id === ada.user.id);
}, "multi");

check("signal-13", "reading the list, and what is refused, is no reason to ask", async (world) => {
  const ada = await world.person();
  await shown(world, ada, async (page) => {
    const before = asked(ada);
    done(await page.client.listSessions());
    assert.ok((await page.client.changePassword({ currentPassword: "wrong one", newPassword: ANOTHER })).error);
    await pause(100); // the client would ask after 10 milliseconds
    assert.equal(asked(ada), before);
  });
});

// ── what happens elsewhere ───────────────────────────────────────────────────────────────────

check("elsewhere-1", "revoked by another device, the page shows nobody when it is looked at again", async (world) => {
  const ada = await world.person();
  const other = await world.again(ada);
  await shown(world, ada, async (page) => {
    done(await other.client.revokeOtherSessions());
    focus();
    await page.shows(() => asked(ada) === 2);
    assert.equal(page.now.data === null, world.side(true, false));
    assert.equal(page.now.error, null); // null, no 401: what is over is no error
  });
}, "cache");

check("elsewhere-2", "looked at twice within 5 seconds, it asks once", async (world) => {
  const ada = await world.person();
  await shown(world, ada, async (page) => {
    focus();
    await page.shows(() => asked(ada) === 2);
    focus();
    await pause(100);
    assert.equal(asked(ada), 2);
  });
});

check("elsewhere-3", "another tab signs out: this one hears of it, and asks", async (world) => {
  const ada = await world.person();
  const tab = world.client(ada.browser);
  const page = new Page(tab);
  try {
    await page.shows(({ data }) => data?.user.id === ada.user.id);
    await shown(world, ada, async ({ client }) => {
      localStorage.removeItem("better-auth.message");
      done(await client.signOut());
      const message = await until(() => localStorage.getItem("better-auth.message"));
      assert.equal(JSON.parse(message).data.trigger, "signout");
      stored(message); // to other tabs a browser sends it
      await page.shows(({ data }) => data === null);
    });
  } finally {
    page.close();
  }
});

check("elsewhere-4", "it asks from time to time, if it is told to", async (world) => {
  const ada = await world.person();
  const other = await world.again(ada);
  const polled = async (page) => {
    done(await other.client.revokeOtherSessions());
    await until(() => asked(ada) >= 2);
    await page.shows(({ data }) => (data === null) === world.side(true, false));
  };
  await shown(world, ada, polled, { sessionOptions: { refetchInterval: 1 } });
}, "cache");

check("elsewhere-5", "back on the line, it asks", async (world) => {
  const ada = await world.person();
  await shown(world, ada, async (page) => {
    window.dispatchEvent(new window.Event("offline"));
    window.dispatchEvent(new window.Event("online"));
    await page.shows(() => asked(ada) === 2);
    assert.equal(page.now.data.user.id, ada.user.id);
  });
});

check("elsewhere-6", "where reading defers the refresh, the page asks for it by itself", async (world) => {
  const ada = await world.person({ origin: world.origins.defer });
  await until(async () => (await ada.browser.get("/api/auth/get-session")).json.needsRefresh);
  const before = asked(ada);
  await shown(world, ada, async (page) => {
    await until(() => ada.browser.last.method === "POST");
    assert.ok(asked(ada) >= before + 2);
    await page.shows(({ data }) => data?.user.id === ada.user.id && !data.needsRefresh);
    assert.equal(page.now.error, null);
  });
}, "defer");

check("elsewhere-7", "after a sign-in with a callbackURL the page is sent there", async (world) => {
  const { email } = await world.person();
  done(await world.client(world.browser()).signIn.email({ email, password: PASSWORD, callbackURL: "/desk" }));
  await until(() => window.location.pathname === "/desk");
  window.location.href = `${world.origin}/`;
});
