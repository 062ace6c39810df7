/** Renders parts under a provider with a fake client, on a clock that stands still unless it is moved. */

import { QueryClient } from "@tanstack/react-query";
import { act, cleanup, type RenderResult, render } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, beforeAll, beforeEach, expect, vi } from "vitest";
import { preload } from "../../src/react/parts.ts";
import { SessionProvider, type SessionProviderProps } from "../../src/react/provider.tsx";
import { type FakeClient, fakeClient, NOW } from "../fake.ts";

const complaints: string[] = [];

/** Only the time is faked; what is under way is awaited. */
export function frozen(): void {
  beforeAll(() => preload());
  beforeEach(() => {
    vi.useFakeTimers({ now: NOW, shouldAdvanceTime: false });
    vi.spyOn(console, "error").mockImplementation((...said) => void complaints.push(said.join(" ")));
  });
  afterEach(() => {
    cleanup();
    expect(complaints.splice(0)).toEqual([]); // React says there what is wrong with the markup
    vi.useRealTimers();
    document.body.replaceChildren();
  });
}

export async function pass(ms = 0): Promise<void> {
  await act(async () => {
    await vi.advanceTimersByTimeAsync(ms);
  });
}

export interface Shown extends RenderResult {
  client: FakeClient;
  queryClient: QueryClient;
}

export async function show(
  ui: ReactNode,
  {
    client = fakeClient(),
    ...props
  }: Partial<Omit<SessionProviderProps, "client">> & { client?: FakeClient } = {},
): Promise<Shown> {
  const queryClient = props.queryClient ?? new QueryClient();
  const shown = render(
    <SessionProvider locale="en-GB" {...props} client={client} queryClient={queryClient}>
      {ui}
    </SessionProvider>,
  );
  await pass();
  return { ...shown, client, queryClient };
}

export async function press(element: HTMLElement): Promise<void> {
  element.focus();
  await act(async () => element.click());
  await pass();
}
