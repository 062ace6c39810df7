"""One question to the server: sent, repeated where that is safe, and its answer read as what it must be."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol, TypeVar, cast
from urllib.parse import quote, urlencode, urlsplit

import msgspec

import sojourn
from sojourn.client.credential import Credential, credential_of
from sojourn.client.errors import (
    AnswerRejected,
    ClientError,
    ClientTimeout,
    ServerBroken,
    ServiceUnavailable,
    SettingsError,
    refused,
    unauthenticated,
)
from sojourn.errors import NothingHere, Refusal
from sojourn.session import Discreet
from sojourn.web.carrier import Carrier, is_loopback

__all__ = ["LARGEST", "Application", "Ask", "Lost", "Reply", "Seam", "Wire", "path"]

T = TypeVar("T")

LARGEST = 8 * 1024 * 1024  # bytes of an answer; a page of the feed with 10,000 lines has 1.5 MB

_FIRST, _LONGEST = 0.1, 2.0  # seconds between two attempts, at first and at most
_AWAY = {429, 502, 503, 504}
_random = random.SystemRandom()


class Application(Discreet, frozen=True, kw_only=True):
    """Which application asks. Without a *secret* it is a public client, which only says its id."""

    id: str
    secret: str | None = None

    def __repr__(self) -> str:
        return f"<Application {self.id!r}>"


NOBODY: Any = object()


class Ask(Discreet, frozen=True, kw_only=True):
    """One request. `again`: to do it twice is as good as once, so it may be repeated."""

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    query: Mapping[str, Any] = {}
    body: Any = None  # as JSON
    form: Mapping[str, str | None] | None = None
    who: Any = NOBODY  # the user whose request it is
    bearer: bool = False  # not with a cookie, whose successor would get lost
    client: Literal["no", "named", "proven"] = "no"  # whether the application says, or shows, who it is
    again: bool = False
    missing: type[Refusal] = NothingHere  # what `not_found` means

    def __repr__(self) -> str:
        return f"{self.method} {self.path}"


class Reply(Discreet, frozen=True):
    """An answer as it came; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"<Reply {self.status}, {len(self.body)} bytes>"


class Lost(Exception):
    """No answer; `late`: not within the time that was given."""

    def __init__(self, cause: Exception, *, late: bool) -> None:
        self.late = late
        super().__init__(f"{type(cause).__name__}: {cause}")


class Seam(Protocol):
    """What differs between waiting and suspending. The blocking one never suspends: see `drive`."""

    async def send(self, request: Any, *, until: float) -> Reply:
        """The answer to *request*, an `httpx2.Request`; `Lost` if there is none by the time *until*."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    def lock(self) -> AbstractAsyncContextManager[Any]:
        """A new lock: one caller at a time is inside."""
        ...

    async def close(self) -> None: ...


class Wire:
    """The server at *url*, over a seam. Keeps nothing between two questions but connections: no cookie."""

    def __init__(
        self,
        url: str,
        seam: Seam,
        *,
        origin: str | None = None,
        application: Application | None = None,
        deadline: float,
        monotonic: Callable[[], float],
    ) -> None:
        self.url = _plain(url)
        self.origin = _plain(origin) if origin else self.url
        self.carrier = Carrier.of(self.origin)
        self.seam, self.application = seam, application
        self.monotonic = monotonic
        self._deadline = deadline

    async def ask(self, kind: type[T], ask: Ask) -> T:
        """The answer to *ask* as a *kind*, or the error that tells what went wrong."""
        return _decoded(kind, ask, await self._done(ask))

    async def tell(self, ask: Ask) -> None:
        """The same where the answer says nothing."""
        await self._done(ask)

    async def _done(self, ask: Ask) -> Reply:
        """The answer to *ask*, if it was done; else the error that tells why not."""
        reply = await self._ask(ask, self._request(ask))
        if not 200 <= reply.status < 300:
            raise _refusal(ask, reply)
        return reply

    async def _ask(self, ask: Ask, request: Any) -> Reply:
        until = self.monotonic() + self._deadline
        pause = _FIRST
        while True:
            outcome: Reply | ClientError
            try:
                outcome = await self.seam.send(request, until=until)
            except Lost as lost:
                outcome = _nobody(ask, lost)
            wait = _wait(outcome, pause) if ask.again else None
            if wait is None or self.monotonic() + wait >= until:
                if isinstance(outcome, ClientError):
                    raise outcome
                return outcome
            await self.seam.sleep(wait)
            pause = min(pause * 2, _LONGEST)

    # ── what is sent ─────────────────────────────────────────────────────────────────────────

    def _request(self, ask: Ask) -> Any:
        """Nothing of the user's travels but the credential: no address, no browser, no other cookie."""
        from httpx2 import Request

        headers = {"accept": "application/json", "accept-encoding": "identity", "user-agent": _AGENT}
        content = b""
        if ask.form is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
            content = urlencode(_given({**ask.form, **self._name(ask)})).encode()
        elif ask.body is not None:
            headers["content-type"] = "application/json"
            content = msgspec.json.encode(ask.body)
        if ask.who is not NOBODY:
            headers |= self._credential(ask, credential_of(ask.who, self.carrier))
        headers |= self._client(ask)
        query = urlencode(_given(ask.query))
        url = f"{self.url}{ask.path}{'?' if query else ''}{query}"
        return Request(ask.method, url, headers=headers, content=content or None)

    def _credential(self, ask: Ask, credential: Credential) -> dict[str, str]:
        if credential.kind == "access":
            return {"authorization": f"Bearer {credential.token}", **_PASSIVE}
        if ask.bearer:
            raise unauthenticated("This needs an access token: with a cookie, the browser itself has to ask.")
        headers = {"cookie": f"{self.carrier.name}={credential.token}", **_PASSIVE}
        return headers if ask.method == "GET" else headers | {"origin": self.origin}

    def _client(self, ask: Ask) -> dict[str, str]:
        """The header in which an application with a secret shows who it is."""
        if ask.client == "no":
            return {}
        known = self.application
        if known is None or (known.secret is None and ask.client == "proven"):
            raise SettingsError(
                f"{ask!r} is for applications that the server knows; "
                "give connect() application=... and secret=..., as `sojourn applications create` printed them"
            )
        return {} if known.secret is None else {"authorization": _basic(known.id, known.secret)}

    def _name(self, ask: Ask) -> dict[str, str]:
        """The field in which an application without a secret says its name."""
        known = self.application
        if ask.client == "no" or known is None or known.secret is not None:
            return {}
        return {"client_id": known.id}


def path(template: str, *values: object) -> str:
    """*template* with each `{}` replaced by one of *values*, in which nothing is a slash or a dot."""
    return template.format(*(quote(str(value), safe="").replace(".", "%2E") for value in values))


def retry_after(reply: Reply) -> float | None:
    """The seconds of `Retry-After`; None if there are none, or it is a date: our clock may be wrong."""
    said = reply.headers.get("retry-after", "")
    return float(said) if said.isascii() and said.isdigit() and len(said) < 10 else None


# ── what comes back ───────────────────────────────────────────────────────────────────────────


def _decoded(kind: type[T], ask: Ask, reply: Reply) -> T:
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _rejected(ask, reply, f"not a {kind.__name__}: {_where(error)}") from None


def _refusal(ask: Ask, reply: Reply) -> Exception:
    if 300 <= reply.status < 400:
        return _rejected(ask, reply, "a redirect, which is not followed: is the url the server's own?")
    body, after = _object(reply.body), retry_after(reply)
    if reply.status >= 500 or (reply.status == 429 and body is None):
        return _fault(ask, reply, body or {}, after)
    if body is None or not (isinstance(body.get("code"), str) or isinstance(body.get("error"), str)):
        return _rejected(ask, reply, "no refusal of the server's: is the url right?")
    return refused(reply.status, body, retry_after=after, missing=ask.missing)


# ── errors ────────────────────────────────────────────────────────────────────────────────────


def _wait(outcome: Reply | ClientError, pause: float) -> float | None:
    """How long until the next attempt; None: the answer is final.

    Jittered, so that many clients do not return at once; never before the server's `Retry-After`.
    """
    jittered = pause * _random.uniform(0.5, 1.0)
    if isinstance(outcome, ClientError):
        return None if isinstance(outcome, AnswerRejected) else jittered
    if outcome.status not in _AWAY:
        return None
    return max(jittered, retry_after(outcome) or 0.0)


def _nobody(ask: Ask, lost: Lost) -> ClientError:
    if lost.late:
        return ClientTimeout(f"The server did not answer {ask!r} in time ({lost}).")
    return ServiceUnavailable(f"The server cannot be reached for {ask!r} ({lost}).")


def _fault(ask: Ask, reply: Reply, body: Mapping[str, Any], after: float | None) -> ClientError:
    kind = ServiceUnavailable if reply.status in _AWAY else ServerBroken
    said, request_id = body.get("message"), body.get("request_id")
    message = said if isinstance(said, str) else f"The server answered {ask!r} with {reply.status}."
    known = request_id if isinstance(request_id, str) else None
    return kind(message, status=reply.status, request_id=known, retry_after=after)


def _rejected(ask: Ask, reply: Reply, what: str) -> AnswerRejected:
    return AnswerRejected(f"The answer to {ask!r} ({reply.status}) is {what}", status=reply.status)


def _where(error: Exception) -> str:
    """What msgspec says is wrong and where; of broken JSON only that, for it may quote what came."""
    return str(error) if isinstance(error, msgspec.ValidationError) else "it is not JSON"


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


# ── spelling ──────────────────────────────────────────────────────────────────────────────────

# A program asks: that keeps nobody's session from idling, and there is no way to hand on a new cookie.
_PASSIVE = {"x-session-passive": "1"}
_AGENT = f"sojourn-python/{sojourn.__version__}"


def _plain(url: str) -> str:
    """*url* as an origin, or a `SettingsError`. It may hold a password: no error shows it as a whole."""
    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    usual = _PORTS.get(parts.scheme)
    extra = parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc
    if not host or usual is None or extra:
        raise SettingsError(
            "the url of the server is its origin and nothing else, such as https://login.example.org; "
            f"this one has the scheme {parts.scheme!r}, the host {host!r} and the path {parts.path!r}"
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise SettingsError(
            f"http://{host} would show credentials to everybody on the way; "
            "use https://, or http:// on 127.0.0.1 or localhost"
        )
    named = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{named}" + (f":{port}" if port and port != usual else "")


_PORTS = {"https": 443, "http": 80}


def _given(fields: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items() if value is not None}


def _basic(id: str, secret: str) -> str:
    """RFC 6749 section 2.3.1: both are form-encoded before they are joined."""
    joined = f"{quote(id, safe='')}:{quote(secret, safe='')}"
    return f"Basic {base64.b64encode(joined.encode()).decode()}"
