// @vitest-environment node
import { QueryClient } from "@tanstack/react-query";
import { renderToString } from "react-dom/server";
import { expect, it } from "vitest";
import { ActiveSessions } from "../../src/react/ActiveSessions.tsx";
import { keys } from "../../src/react/keys.ts";
import { SessionProvider } from "../../src/react/provider.tsx";
import { SessionStatus } from "../../src/react/SessionStatus.tsx";
import { fakeClient, HERE, listOf, row } from "../fake.ts";

it("renders on a server: fixed times, nothing started, no window", () => {
  const queryClient = new QueryClient();
  queryClient.setQueryData(keys.sessions(), listOf([HERE, row("13")]));
  const client = fakeClient();
  const html = renderToString(
    <SessionProvider client={client} queryClient={queryClient} locale="en-GB">
      <ActiveSessions />
      <SessionStatus />
    </SessionProvider>,
  );
  expect(typeof window).toBe("undefined");
  expect(html).toContain("iPhone 13");
  expect(html).not.toMatch(/ago|Active now|Expires in/);
  expect(client.calls).toEqual([]);
  expect(client.open).toBe(0);
  queryClient.clear();
});
