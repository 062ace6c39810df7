import { ReactElement } from "react";

//#region src/elements/element.d.ts
/** There is no such class on a server, where the module may be imported too. */
declare const Base: {
  new (): HTMLElement;
  prototype: HTMLElement;
};
declare abstract class SojournElement extends Base {
  #private;
  static readonly observedAttributes: readonly string[];
  /** The component that the element stands for. */
  protected abstract content(): ReactElement;
  /** Whether another element of the page tells what has been done. */
  protected get silent(): boolean;
  connectedCallback(): void;
  /** An element that is only moved is connected again at once, and keeps what it shows. */
  disconnectedCallback(): void;
  attributeChangedCallback(name: string, before: string | null, after: string | null): void;
}
//#endregion
//#region src/elements/index.d.ts
/** The list of a person's sessions. `password-url` is where a password can be changed. */
declare class SojournActiveSessions extends SojournElement {
  protected content(): ReactElement;
}
/** Nothing, until the session is about to end or has ended. */
declare class SojournSessionExpired extends SojournElement {
  protected get silent(): boolean;
  protected content(): ReactElement;
}
/** Who is signed in. */
declare class SojournSessionStatus extends SojournElement {
  protected get silent(): boolean;
  protected content(): ReactElement;
}
declare global {
  interface HTMLElementTagNameMap {
    "sojourn-active-sessions": SojournActiveSessions;
    "sojourn-session-expired": SojournSessionExpired;
    "sojourn-session-status": SojournSessionStatus;
  }
}
//#endregion
export { SojournActiveSessions, SojournSessionExpired, SojournSessionStatus };
