// @vitest-environment node
import { expect, test } from "vitest";

test("the elements can be imported where there is no document", async () => {
  expect("HTMLElement" in globalThis).toBe(false);
  await expect(import("../../src/elements")).resolves.toHaveProperty("SojournActiveSessions");
});
