/** Puts a component where other content stands, in one step: until it has rendered, what was there stays and works. */
import { type ReactElement, type ReactNode, useLayoutEffect } from "react";
import { createRoot } from "react-dom/client";

export interface Takeover {
  host: HTMLElement;
  render(content: ReactElement): void;
  /** Leaves the container empty, with nothing open. */
  unmount(): void;
}

interface ReadyProps {
  onReady: () => void;
  children: ReactNode;
}

/** An effect of the outermost component runs when everything in it is in the document, and before it is seen. */
function Ready({ onReady, children }: ReadyProps): ReactNode {
  useLayoutEffect(onReady, [onReady]);
  return children;
}

const CONTROLS = "a[href], button, summary, input, select";

/** What a control says, the same for a link of the server's page and the button that comes after it. */
function wordsOf(control: Element): string {
  const { labels, textContent } = control as HTMLInputElement; // a link has no labels
  const label = labels?.[0]?.textContent?.replace(textContent ?? "", ""); // which may be around it
  const said = control.getAttribute("aria-label") ?? label ?? textContent ?? "";
  return said.replace(/\s+/g, " ").trim();
}

/** Whoever stood on a control stands on its successor, or at least in the same place, not at the start of the page. */
function keepFocus(gone: Node[], host: HTMLElement): () => void {
  const focused = document.activeElement;
  if (focused === null || !gone.some((one) => one.contains(focused))) return () => {};
  const words = wordsOf(focused);
  return () => {
    const controls = [...host.querySelectorAll<HTMLElement>(CONTROLS)];
    const same = controls.find((control) => wordsOf(control) === words);
    if (same === undefined) host.tabIndex = -1;
    (same ?? host).focus({ preventScroll: true });
  };
}

/** Takes away what *host* shows in its stead now. */
export function retire(gone: ChildNode[], host: HTMLElement): void {
  const restoreFocus = keepFocus(gone, host);
  for (const one of gone) one.remove();
  restoreFocus();
}

/** *kept*: parts of the container that stay after it, where they are, until they are retired. */
export function takeOver(container: HTMLElement, kept: Element[] = []): Takeover {
  const host = document.createElement("div");
  host.hidden = true;
  container.prepend(host);
  const root = createRoot(host);

  const show = (): void => {
    host.hidden = false;
    retire(
      [...container.childNodes].filter((one) => one !== host && !kept.includes(one as Element)),
      host,
    );
  };

  return {
    host,
    render: (content) => root.render(<Ready onReady={show}>{content}</Ready>),
    unmount: () => {
      root.unmount();
      host.remove();
    },
  };
}
