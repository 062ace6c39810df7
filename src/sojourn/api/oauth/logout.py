"""What an application may ask of /oauth/logout: that its user signs out here, and where they go then.

OpenID Connect RP-Initiated Logout 1.0. The page itself is `web.pages.logout`. An application's session and
the browser's own are two; to sign out at its request ends both. An ID token of ours says whom it is about;
what is forged, somebody else's or long over says nothing, and then the user is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import msgspec
from msgspec import Struct

from sojourn import access
from sojourn.access import ALGORITHMS
from sojourn.api.oauth.ids import TYPE, IdClaims
from sojourn.api.oauth.terms import BROWSER
from sojourn.api.routes import Call
from sojourn.directory import Application
from sojourn.errors import SessionError, SessionNotFound
from sojourn.session import Reason, Session
from sojourn.sessions import ANYBODY

__all__ = ["Leaving", "end", "end_in_this_browser", "leaving"]

_RECENT = timedelta(days=1)  # since its session ended; after that an ID token is a thing that was found
_LONGEST = 512  # of state


class Leaving(Struct, frozen=True, kw_only=True):
    """A request to sign out. `back` is one of the application's own addresses, or None.

    `theirs` is the application's session that the hint names, live or ended of late; None: no good hint.
    """

    application: Application | None
    back: str | None
    state: str | None
    theirs: Session | None = None

    @property
    def onwards(self) -> str | None:
        """Where the user goes afterwards, with the application's state."""
        if self.back is None or self.state is None:
            return self.back
        between = "&" if urlsplit(self.back).query else "?"
        return f"{self.back}{between}{urlencode({'state': self.state})}"

    @property
    def fields(self) -> dict[str, str]:
        """The same request once more, without its hint."""
        if self.application is None:
            return {}
        given = {"post_logout_redirect_uri": self.back, "state": self.state if self.back else None}
        return {"client_id": self.application.id} | {name: value for name, value in given.items() if value}


async def leaving(call: Call, asked: Mapping[str, str]) -> Leaving:
    """What *asked* asks for; what is wrong in it is left out, because signing out never fails for that."""
    claims, named = _claims(call, asked.get("id_token_hint", "")), asked.get("client_id")
    if claims is not None and named not in (None, claims.aud):
        claims = None
    application = await _application(call, named or (claims.aud if claims else None))
    uri = asked.get("post_logout_redirect_uri")
    known = application is not None and uri in application.post_logout_redirect_uris
    return Leaving(
        application=application,
        back=uri if known else None,
        state=asked.get("state", "")[:_LONGEST] or None,
        theirs=await _theirs(call, claims),
    )


def _claims(call: Call, text: str) -> IdClaims | None:
    """What an ID token of ours says, whenever its time was over (section 2); None for anything else."""
    issuer = call.visit.site.issuer
    if issuer is None or not text:
        return None
    try:
        payload = access.opened(text, issuer.signers.find, typ=TYPE, algorithms=ALGORITHMS)
        claims = msgspec.convert(payload, IdClaims)
    except (SessionError, msgspec.ValidationError):
        return None
    return claims if claims.iss == issuer.url else None


async def _application(call: Call, id: str | None) -> Application | None:
    application = await call.directory.application(id) if id else None
    return application if application is not None and application.enabled else None


async def _theirs(call: Call, claims: IdClaims | None) -> Session | None:
    """The session of an ID token, if it still is, or was of late; of an older one "suspect" (section 2)."""
    if claims is None:
        return None
    sessions = call.visit.site.sessions
    found = await sessions.store.get(claims.sid)
    if found is None or (found.application_id, found.user_id) != (claims.aud, claims.sub):
        return None
    over_at = found.revoked_at or found.expires_at
    return found if over_at > sessions.clock() - _RECENT else None


async def end(call: Call, session: Session) -> None:
    """End an application's session, as its user asked by way of that application."""
    with suppress(SessionNotFound):  # it has ended already
        await call.visit.site.sessions.revoke(
            session.id, owner=ANYBODY, reason=Reason.SIGNED_OUT, by=session.user_id
        )


async def end_in_this_browser(call: Call, application: Application, mine: Session) -> None:
    """End the sessions that an application has of the user of *mine*, if they began in this browser."""
    sessions, here = call.visit.site.sessions, mine.device.id
    if here is None:
        return
    for session in await sessions.list(mine.user_id, application_id=application.id, limit=1_000):
        if here in (session.device.id, session.data.get(BROWSER)):
            await end(call, session)
