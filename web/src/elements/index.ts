/** The components as elements of HTML, for pages that are not made with React; importing this defines them. */
import { createElement, Fragment, type ReactElement } from "react";
import { ActiveSessions, SessionExpiredModal, SessionExpiryWarning, SessionStatus } from "../react";
import { SojournElement } from "./element";

/** The list of a person's sessions. `password-url` is where a password can be changed. */
export class SojournActiveSessions extends SojournElement {
  protected content(): ReactElement {
    const passwordUrl = this.getAttribute("password-url") ?? undefined;
    return createElement(ActiveSessions, { passwordUrl });
  }
}

/** Nothing, until the session is about to end or has ended. */
export class SojournSessionExpired extends SojournElement {
  protected override get silent(): boolean {
    return this.ownerDocument.querySelector("sojourn-active-sessions") !== null;
  }

  protected content(): ReactElement {
    return createElement(
      Fragment,
      null,
      createElement(SessionExpiryWarning),
      createElement(SessionExpiredModal),
    );
  }
}

/** Who is signed in. */
export class SojournSessionStatus extends SojournElement {
  protected override get silent(): boolean {
    return true;
  }

  protected content(): ReactElement {
    return createElement(SessionStatus);
  }
}

const ELEMENTS = {
  "sojourn-active-sessions": SojournActiveSessions,
  "sojourn-session-expired": SojournSessionExpired,
  "sojourn-session-status": SojournSessionStatus,
};

declare global {
  interface HTMLElementTagNameMap {
    "sojourn-active-sessions": SojournActiveSessions;
    "sojourn-session-expired": SojournSessionExpired;
    "sojourn-session-status": SojournSessionStatus;
  }
}

const registry = globalThis.customElements;
for (const [name, element] of Object.entries(ELEMENTS)) {
  if (registry && !registry.get(name)) registry.define(name, element);
}
