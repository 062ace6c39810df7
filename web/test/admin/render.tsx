/** Renders a page for administrators with a fake of their API. */
import { beforeEach } from "vitest";
import { AdminApp } from "../../src/admin/App";
import type { Boot } from "../../src/admin/wire";
import type { FakeClient } from "../fake.ts";
import { type Shown, show } from "../react/render.tsx";
import { BOOT } from "./server";

export { frozen, pass, press } from "../react/render.tsx";

export function atAdmin(): void {
  beforeEach(() => history.replaceState(null, "", "/admin?zone=utc"));
}

export function showPage(
  page: React.ReactNode,
  client: FakeClient,
  boot: Partial<Boot> = {},
): Promise<Shown> {
  return show(<AdminApp boot={{ ...BOOT, ...boot }}>{page}</AdminApp>, { client, locale: "en-GB" });
}
