"""What a session's application and tenant ask for in its access tokens."""

from __future__ import annotations

from sojourn.directory import Directory
from sojourn.issuer import Terms, TermsOf
from sojourn.session import Session
from sojourn.snapshot import Partial

__all__ = ["BROWSER", "SCOPE", "granted", "terms_of"]

SCOPE = "oauth_scope"  # in the session's data: what its application may do, as agreed when it began
BROWSER = "oauth_browser"  # … and the device in which its user said yes
_OURS = "openid profile email"  # of a session that no application asked for


def terms_of(directory: Directory) -> TermsOf:
    """Terms by what *directory* says of the session's application and tenant."""

    async def terms(session: Session) -> Terms:
        application = tenant = None
        if session.application_id is not None:
            application = await directory.application(session.application_id)
        if session.tenant_id is not None:
            tenant = await directory.tenant(session.tenant_id)
        slug = tenant.slug if tenant else None
        if application is None:
            return Terms(scope=_OURS, tenant=slug)
        scope = granted(session) or " ".join(application.scopes)
        return Terms(algorithm=application.algorithm, life=application.access_ttl, scope=scope, tenant=slug)

    return terms


def granted(session: Session) -> str | None:
    """What was agreed upon; None if nothing was: then it is all that the application is registered for."""
    if isinstance(session.data, Partial):
        return None
    scope = session.data.get(SCOPE)
    return scope if isinstance(scope, str) else None
