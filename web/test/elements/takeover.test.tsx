import { act } from "@testing-library/react";
import type { ReactElement } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { retire, takeOver } from "../../src/elements/takeover";

let container: HTMLElement;

/** As the server renders it: links. */
beforeEach(() => {
  container = document.createElement("div");
  const heading = document.createElement("h2");
  heading.textContent = "Active sessions";
  const refresh = Object.assign(document.createElement("a"), {
    href: "/account/security",
    textContent: "Refresh",
  });
  const out = Object.assign(document.createElement("a"), { href: "/account/security/sign-out/1" });
  const unseen = Object.assign(document.createElement("span"), { textContent: " of iPhone" });
  out.append("Sign out", unseen);
  container.append(heading, refresh, out);
  document.body.append(container);
});

afterEach(() => container.remove());

function List(): ReactElement {
  return (
    <ul>
      <li>
        <button type="button">Refresh</button>
        <button type="button" aria-label="Sign out of iPhone">
          Sign out
        </button>
      </li>
    </ul>
  );
}

const link = (at: number): HTMLElement => container.querySelectorAll("a")[at] as HTMLElement;

test("what was there stays until the component has rendered", () => {
  takeOver(container);
  expect(container.querySelectorAll("a")).toHaveLength(2);
});

test("what was there is replaced in one step", async () => {
  const seen: string[] = [];
  const watch = new MutationObserver(() => seen.push(container.innerText ?? container.textContent ?? ""));
  watch.observe(container, { childList: true });
  await act(() => takeOver(container).render(<List />));
  watch.disconnect();
  expect(container.querySelectorAll("a")).toHaveLength(0);
  expect(container.querySelectorAll("button")).toHaveLength(2);
  expect(container.querySelector("[hidden]")).toBeNull();
  expect(seen.every((text) => text !== "")).toBe(true);
});

test("what was there stays if the component fails", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  function Broken(): ReactElement {
    throw new Error("broken");
  }
  await expect(act(async () => takeOver(container).render(<Broken />))).rejects.toThrow("broken");
  expect(container.querySelectorAll("a")).toHaveLength(2);
});

test.each([
  [0, "Refresh"],
  [1, "Sign out"],
])("whoever was on link %i is then on the button that says the same", async (at, words) => {
  link(at).focus();
  await act(() => takeOver(container).render(<List />));
  expect(document.activeElement?.tagName).toBe("BUTTON");
  expect(document.activeElement?.textContent).toBe(words);
});

test("whoever was on something that is gone is at least in the same place", async () => {
  link(0).focus();
  await act(() => takeOver(container).render(<p>Nothing to press</p>));
  expect(container.contains(document.activeElement)).toBe(true);
});

test("whoever was on a field is on the one with the same label", async () => {
  const field = Object.assign(document.createElement("input"), { id: "mail" });
  const label = Object.assign(document.createElement("label"), { htmlFor: "mail", textContent: "E-mail" });
  container.append(label, field);
  field.focus();
  const around = (
    <label>
      E-mail{" "}
      <select>
        <option>one</option>
      </select>
    </label>
  );
  await act(() => takeOver(container).render(around));
  expect(document.activeElement?.tagName).toBe("SELECT");
});

test("whoever was elsewhere stays there", async () => {
  const elsewhere = document.body.appendChild(document.createElement("input"));
  elsewhere.focus();
  await act(() => takeOver(container).render(<List />));
  expect(document.activeElement).toBe(elsewhere);
  elsewhere.remove();
});

test("what is kept stays where it is, with whoever is on it, until it is retired", async () => {
  const kept = container.appendChild(document.createElement("section"));
  const field = kept.appendChild(document.createElement("input"));
  container.append("and some text");
  field.focus();
  const { host, render } = takeOver(container, [kept]);
  await act(() => render(<List />));
  expect([...container.childNodes]).toEqual([host, kept]);
  expect(document.activeElement).toBe(field);
  await act(() => retire([kept], host));
  expect([...container.childNodes]).toEqual([host]);
  expect(container.contains(document.activeElement)).toBe(true);
});

test("a second rendering moves nothing", async () => {
  const place = takeOver(container);
  await act(() => place.render(<List />));
  const button = container.querySelector("button");
  await act(() => place.render(<List />));
  expect(container.querySelector("button")).toBe(button);
});

test("unmounting leaves nothing", async () => {
  const place = takeOver(container);
  await act(() => place.render(<List />));
  await act(() => place.unmount());
  expect(container.childNodes).toHaveLength(0);
});
