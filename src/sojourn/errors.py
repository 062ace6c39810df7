"""Every refusal: an expected "no", with a code for machines and a sentence for people.

    Refusal
    ├── SessionError                    about a session
    │   ├── Unauthenticated             unauthenticated     no credential was sent
    │   ├── TokenInvalid                token_invalid       not a token of ours, or no longer a genuine one
    │   ├── TokenSuperseded             token_superseded    genuine, but too old for a request
    │   ├── AccessExpired               access_expired      the generation is too old: refresh and repeat
    │   ├── SessionExpired              session_expired     ended by time (`limit`: idle or absolute)
    │   ├── SessionRevoked              session_revoked     ended on purpose (`reason`)
    │   ├── TokenReplayed               refresh_reused      an old token was used to refresh: this ended it
    │   ├── FreshnessRequired           reauth_required     signed in too long ago for this act (`max_age`)
    │   ├── SessionNotFound             not_found           no such session, or not yours
    │   ├── SessionChanged              session_changed     somebody else changed it first
    │   ├── UndoExpired                 undo_expired        the hold has run out: it has ended
    │   ├── TooManySessions             too_many_sessions   the policy's cap refuses another one (`sessions`)
    │   └── DataTooLarge                data_too_large      session data over the limit
    ├── Forbidden                       forbidden           signed in, but without the role
    ├── RequestError                    the request itself is wrong
    │   ├── NothingHere                 not_found           no route, no page at this address
    │   ├── MethodRejected              method_not_allowed
    │   ├── CsrfFailed                  csrf_failed
    │   ├── CookieRejected              cookie_rejected     oversized, doubled or broken cookie header
    │   ├── HttpsRequired               https_required      credentials are not issued over plain http
    │   ├── BodyRejected                body_rejected       not JSON, too large, too deep, of another shape
    │   ├── OAuthError                  oauth_error         (`error`: the code of RFC 6749)
    │   └── RateLimited                 rate_limited        (`retry_after`, seconds)
    ├── AccountError                    about an account
    │   ├── InvalidCredentials          invalid_credentials wrong password or unknown user: the same answer
    │   ├── AccountExists               account_exists
    │   ├── AccountNotFound             not_found
    │   ├── LastWayIn                   last_way_in         without it nobody could sign in any more
    │   ├── PasswordRejected            password_rejected   too short, too long, or too common
    │   ├── EmailRejected               email_rejected
    │   ├── FlowLost                    flow_lost           a sign-in by a provider that nobody began here
    │   ├── OtherAccount                other_account       proved to be somebody, but somebody else
    │   ├── ProviderAway                provider_away       no answer that one could judge
    │   ├── ProviderDenied              provider_denied     the provider said no (`error`)
    │   └── ProviderRejected            provider_rejected   what a provider said cannot be trusted
    ├── DirectoryError                  about an application or a tenant
    │   ├── ApplicationNotFound         not_found
    │   ├── ApplicationRejected         application_rejected a field that cannot be
    │   ├── TenantNotFound              not_found
    │   └── TenantRejected              tenant_rejected     a field that cannot be
    └── WorkError                       about what administrators have done for them
        ├── JournalOff                  journal_off         no journal is kept here, and this needs one
        ├── JobNotFound                 not_found
        ├── CountChanged                count_changed       not as many match as were counted (`count`)
        └── JobOver                     job_over            it is past what was asked of it (`state`)

A fault (the database is away, the disk is full) is not a refusal: it stays the driver's own
exception, and the web layer answers 503. A setting that cannot work raises `SettingsError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from uuid import UUID

    from sojourn.session import Reason, Session

__all__ = [
    "AccessExpired",
    "AccountError",
    "AccountExists",
    "AccountNotFound",
    "ApplicationNotFound",
    "ApplicationRejected",
    "BodyRejected",
    "CookieRejected",
    "CountChanged",
    "CsrfFailed",
    "DataTooLarge",
    "DirectoryError",
    "EmailRejected",
    "FlowLost",
    "Forbidden",
    "FreshnessRequired",
    "HttpsRequired",
    "InvalidCredentials",
    "JobNotFound",
    "JobOver",
    "JournalOff",
    "LastWayIn",
    "MethodRejected",
    "NothingHere",
    "OAuthError",
    "OtherAccount",
    "PasswordRejected",
    "ProviderAway",
    "ProviderDenied",
    "ProviderRejected",
    "QueryNotSupported",
    "RateLimited",
    "Refusal",
    "RequestError",
    "SessionChanged",
    "SessionError",
    "SessionExpired",
    "SessionNotFound",
    "SessionRevoked",
    "SettingsError",
    "TenantNotFound",
    "TenantRejected",
    "TokenInvalid",
    "TokenReplayed",
    "TokenSuperseded",
    "TooManySessions",
    "Unauthenticated",
    "UndoExpired",
    "WorkError",
]


class Refusal(Exception):
    """An expected "no". `facts` are the public details that accompany `code` and `message`."""

    code: ClassVar[str] = "refused"
    message: str = "The request was refused."

    def __init__(self, message: str | None = None, **facts: Any) -> None:
        if message is not None:
            self.message = message
        self.facts: dict[str, Any] = {name: value for name, value in facts.items() if value is not None}
        super().__init__(self.message)


class SessionError(Refusal):
    """A refusal about a session."""


class Unauthenticated(SessionError):
    code = "unauthenticated"
    message = "Please sign in to continue."


class TokenInvalid(SessionError):
    """Garbage, a forgery, or a token from before a renewal: all the same answer."""

    code = "token_invalid"
    message = "This sign-in is not known here. Please sign in again."


class TokenSuperseded(SessionError):
    """A newer token exists. Nothing was ended and no cookie is cleared: another tab may hold the new one."""

    code = "token_superseded"
    message = "This sign-in was renewed elsewhere in this browser. Reload the page."


class AccessExpired(SessionError):
    """The session lives; its token is older than `Policy.rotate_every`."""

    code = "access_expired"
    message = "Refresh the session and repeat the request."


class SessionExpired(SessionError):
    """`limit` says which of the two ends was reached; `after` is its length."""

    code = "session_expired"

    def __init__(self, limit: Literal["idle", "absolute"], after: timedelta) -> None:
        self.limit, self.after = limit, after
        super().__init__(
            "You were signed out because you were inactive."
            if limit == "idle"
            else "Your session has reached its end. Please sign in again.",
            reason=limit,
            limit_seconds=int(after.total_seconds()),
        )


class SessionRevoked(SessionError):
    """`reason` says why; by whom is one of user, admin, system: never a name. (Over HTTP `id` is None.)

    `held`: that may still be undone, so nobody should throw away what opens the session.
    """

    code = "session_revoked"

    def __init__(self, id: UUID | None, reason: Reason | None, *, held: bool = False) -> None:
        self.id, self.reason, self.held = id, reason, held
        super().__init__("Your session has ended. Please sign in again.", reason=reason)


class TokenReplayed(SessionError):
    """The session has just been ended: either its owner or a thief holds the newer token."""

    code = "refresh_reused"
    message = "We noticed something unusual and signed you out to protect your account."


class FreshnessRequired(SessionError):
    """The act asks for a recent authentication, or for a stronger one (ASVS 7.5.1, RFC 9470).

    `max_age`: at most so long ago. `aal`: at least that strong (NIST SP 800-63B).
    """

    code = "reauth_required"

    def __init__(self, max_age: timedelta, *, aal: int = 0) -> None:
        self.max_age, self.aal = max_age, aal
        super().__init__(
            "Please confirm it is you." if not aal else "Please confirm it is you, with a second factor.",
            max_age=int(max_age.total_seconds()),
            acr_values=f"aal{aal}" if aal else None,
        )

    @property
    def challenge(self) -> dict[str, str]:
        """The parameters of RFC 9470 section 3."""
        return {name: str(value) for name, value in self.facts.items() if name in ("acr_values", "max_age")}


class SessionNotFound(SessionError):
    """No such session, or somebody else's: the same answer (ASVS 8.2.2)."""

    code = "not_found"
    message = "There is no such session."


class SessionChanged(SessionError):
    code = "session_changed"
    message = "The session was changed by another request. Reload and try again."


class UndoExpired(SessionError):
    code = "undo_expired"
    message = "It is too late to undo this. Sign in again on that device."


class TooManySessions(SessionError):
    """`sessions` are those in the way; end one of them to make room. `asks`: the user may choose which."""

    code = "too_many_sessions"

    def __init__(self, limit: int, sessions: Sequence[Session], *, asks: bool = False) -> None:
        self.limit, self.sessions, self.asks = limit, tuple(sessions), asks
        super().__init__(
            f"You are signed in on {limit} devices already. Sign out one of them first.", limit=limit
        )


class DataTooLarge(SessionError):
    code = "data_too_large"


class Forbidden(Refusal):
    code = "forbidden"
    message = "You do not have permission to do that."


class RequestError(Refusal):
    """The request itself is wrong; `status` is the HTTP status that says so best."""

    status: int = 400

    def __init__(self, message: str | None = None, *, status: int | None = None, **facts: Any) -> None:
        if status is not None:
            self.status = status
        super().__init__(message, **facts)


class NothingHere(RequestError):
    code = "not_found"
    message = "There is nothing at this address."
    status = 404


class MethodRejected(RequestError):
    code = "method_not_allowed"
    message = "This address does not take this method."
    status = 405


class CsrfFailed(RequestError):
    code = "csrf_failed"
    message = "This page is out of date. Reload and try again."
    status = 403


class CookieRejected(RequestError):
    code = "cookie_rejected"


class HttpsRequired(RequestError):
    code = "https_required"
    message = "Signing in needs https. Open this site with https://."
    status = 403


class BodyRejected(RequestError):
    code = "body_rejected"


class OAuthError(RequestError):
    """What an application did wrong, in the words of OAuth. `error` is a code of RFC 6749, 7009 or OpenID."""

    code = "oauth_error"

    def __init__(self, error: str, message: str, *, status: int = 400) -> None:
        self.error = error
        super().__init__(message, status=status, error=error)


class RateLimited(RequestError):
    code = "rate_limited"
    status = 429

    def __init__(self, retry_after: timedelta) -> None:
        self.retry_after = max(1, -(-retry_after // timedelta(seconds=1)))
        super().__init__("Too many requests. Please try again later.", retry_after=self.retry_after)


class AccountError(Refusal):
    """A refusal about an account."""


class InvalidCredentials(AccountError):
    """`banned`: they proved who they are, and may not sign in.

    The answer is the same; only a dialect whose clients have words for it asks.
    """

    code = "invalid_credentials"
    message = "The e-mail address or the password is wrong."

    def __init__(self, message: str | None = None, *, banned: bool = False) -> None:
        self.banned = banned
        super().__init__(message)


class AccountExists(AccountError):
    code = "account_exists"
    message = "There is an account with this e-mail address already. Sign in instead."


class AccountNotFound(AccountError):
    code = "not_found"
    message = "There is no such user."


class LastWayIn(AccountError):
    code = "last_way_in"
    message = "This is the only way you can sign in. Set a password or connect another one first."


class PasswordRejected(AccountError):
    code = "password_rejected"


class EmailRejected(AccountError):
    code = "email_rejected"
    message = "Please give an e-mail address, such as ada@example.org."


class FlowLost(AccountError):
    """Expired, finished already, of another provider, or begun elsewhere: the same answer."""

    code = "flow_lost"
    message = "This sign-in took too long, or began in another browser. Please begin again."


class OtherAccount(AccountError):
    code = "other_account"
    message = "You have signed in there as somebody else. Choose the account that you use here."


class ProviderAway(AccountError):
    """`why` is for the log."""

    code = "provider_away"
    message = "The other service does not answer just now. Try again later, or sign in another way."

    def __init__(self, why: str = "") -> None:
        self.why = why
        super().__init__()


class ProviderDenied(AccountError):
    """`error`: the provider's own word (RFC 6749 section 4.1.2.1), if it is one."""

    code = "provider_denied"
    message = "The other service did not sign you in. Try again, or sign in another way."


class ProviderRejected(AccountError):
    """`why` is for the log: it quotes nothing of what the provider said."""

    code = "provider_rejected"
    message = "The answer of the other service cannot be trusted, so nobody was signed in."

    def __init__(self, why: str = "") -> None:
        self.why = why
        super().__init__()


class DirectoryError(Refusal):
    """A refusal about an application or a tenant."""


class ApplicationNotFound(DirectoryError):
    code = "not_found"
    message = "There is no such application."


class ApplicationRejected(DirectoryError):
    """The message says which field cannot be as it is, and what would do."""

    code = "application_rejected"
    message = "An application cannot be like that."


class TenantNotFound(DirectoryError):
    code = "not_found"
    message = "There is no such tenant."


class TenantRejected(DirectoryError):
    """As `ApplicationRejected`."""

    code = "tenant_rejected"
    message = "A tenant cannot be like that."


class SettingsError(ValueError):
    """A configuration that cannot work; the message says what to change."""


class QueryNotSupported(ValueError):
    """The store has no index for this question, and does not scan instead."""


class WorkError(Refusal):
    """Base of every refusal about what administrators have done for them."""


class JournalOff(WorkError):
    code = "journal_off"
    message = "No journal is kept on this server (SOJOURN_JOURNAL is off), and this needs it."


class JobNotFound(WorkError):
    code = "not_found"
    message = "There is no such bulk revocation."


class CountChanged(WorkError):
    code = "count_changed"

    def __init__(self, count: int = 0) -> None:
        self.count = count
        super().__init__(f"Now {count} sessions match. Look at them again before they end.", count=count)


class JobOver(WorkError):
    code = "job_over"

    def __init__(self, state: str = "done") -> None:
        self.state = state
        super().__init__(f"This bulk revocation is {state}: that is no longer possible.", state=state)
