/** Presses what a scene wants pressed, and says when it has come to rest. */
import type { QueryClient } from "@tanstack/react-query";
import type { Catalogue } from "../src/react";
import type { Scene } from "./scenes";

/** A control's words in any of their plural forms, with anything where values go. */
function patternOf(catalogue: Catalogue, key: string): RegExp {
  const entry = catalogue[key] ?? key;
  const forms = typeof entry === "string" ? [entry] : Object.values(entry);
  const escaped = forms.map((form) => form.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{\w+\}/g, ".+"));
  return new RegExp(`^(${escaped.join("|")})$`);
}

function find(within: Element, words: RegExp): HTMLElement | undefined {
  const controls = within.querySelectorAll<HTMLElement>("button, summary, dialog[open] button");
  return [...controls].findLast((control) => words.test(control.textContent?.trim() ?? ""));
}

function appears(within: Element, words: RegExp): Promise<HTMLElement> {
  return new Promise((resolve) => {
    const look = (): void => {
      const found = find(within, words);
      if (!found) return;
      watch.disconnect();
      resolve(found);
    };
    const watch = new MutationObserver(look);
    watch.observe(within, { childList: true, subtree: true, characterData: true, attributes: true });
    look();
  });
}

/** Until nothing is asked for any more. */
function answered(cache: QueryClient): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (cache.isFetching() || cache.isMutating()) return;
      for (const off of offs) off();
      resolve();
    };
    const offs = [cache.getQueryCache().subscribe(look), cache.getMutationCache().subscribe(look)];
    look();
  });
}

const painted = (): Promise<unknown> =>
  new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));

interface Acting {
  cell: HTMLElement;
  cache: QueryClient;
  catalogue: Catalogue;
  scene: Scene;
}

/** Sets `data-ready` on the cell when all is pressed, answered and shown. */
export async function act({ cell, cache, catalogue, scene }: Acting): Promise<void> {
  for (const key of scene.acts ?? []) (await appears(cell, patternOf(catalogue, key))).click();
  if (scene.awaits) await appears(cell, patternOf(catalogue, scene.awaits));
  await painted();
  if (!scene.pending) await answered(cache);
  await painted();
  cell.dataset.ready = "";
}
