"""A route: who may ask, which verb, how to say the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from msgspec import Struct, field

from sojourn.errors import BodyRejected, Forbidden, Refusal, SessionNotFound, Unauthenticated
from sojourn.session import Session
from sojourn.web.reply import Answer
from sojourn.web.visit import Visit

if TYPE_CHECKING:
    # An application with users of its own never loads ours.
    from sojourn.accounts import Accounts
    from sojourn.api.federation import Federation
    from sojourn.api.metrics import Exposed
    from sojourn.directory import Directory
    from sojourn.observe.ledger import Ledger

__all__ = ["Act", "Call", "Guard", "Route", "in_person"]

Guard = Literal["open", "session", "fresh", "admin", "fresh admin"]


class Call(Struct, kw_only=True):
    """One request on its way to an act, after its guard has let it pass."""

    visit: Visit
    accounts: Accounts
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    form: Mapping[str, str] = field(default_factory=dict)
    directory: Directory
    session: Session | None = None  # set by every guard but "open"
    sign_up_open: bool = True
    multi_session: bool = False  # a browser may keep sessions of several accounts
    defers: bool = False  # reading a session is no use of it: that is told by a POST
    session_fields: tuple[str, ...] = ()  # the keys of `Session.data` that clients may set
    federation: Federation | None = None  # None: nobody can sign in with another service
    ledger: Ledger | None = None  # None: no journal is kept
    metrics: Exposed | None = None  # None: there is nothing at /metrics

    @property
    def mine(self) -> Session:
        """The session that asks."""
        if self.session is None:
            raise Unauthenticated
        return self.session

    @property
    def in_person(self) -> Session:
        """The session that asks, if it is its user who does, and neither an administrator nor an application.

        How they sign in is nobody else's to change.
        """
        if self.visit.bearer is not None and self.mine.application_id is not None:
            raise Forbidden("An application may not do that for you. Sign in here.")
        return in_person(self.mine)

    @property
    def me(self) -> str:
        """The id of the user who asks."""
        if self.mine.user_id is None:
            raise Unauthenticated
        return self.mine.user_id

    def fields_of(self, session: Session) -> dict[str, Any]:
        """What a client may set in the data of *session*, as far as it is there."""
        return {name: session.data[name] for name in self.session_fields if name in session.data}

    def id(self, name: str = "id") -> UUID:
        """A session id from the path; what is no id is nobody's session."""
        return _uuid(self.params[name])

    def after(self) -> UUID | None:
        """Where the next page begins: the id of the last row of the one before."""
        given = self.query.get("after")
        return None if given is None else _uuid(given)

    def limit(self, most: int = 100) -> int:
        """The page size that was asked for, at most *most*."""
        given = self.query.get("limit", str(most))
        if not given.isascii() or not given.isdigit() or not int(given[:9]) >= 1:
            raise BodyRejected(f"limit must be a whole number from 1 to {most}.", status=422, field="limit")
        return min(int(given[:9]), most)

    def settled(self, id: UUID | None = None) -> None:
        """Refuse the session that asks while it is in quarantine, if *id* is an older one; None: any is."""
        self.visit.site.sessions.require_settled(self.mine, id)

    async def admit(self, guard: Guard, max_age: timedelta | None = None, *, sure: bool = True) -> None:
        """Let the call pass its *guard*, or raise the refusal. Unless told otherwise the store is asked."""
        if guard == "open":
            return
        self.session = await self.visit.require(sure=sure)
        if guard.endswith("admin"):
            self.session = self.in_person
            await self.visit.require_role("admin")
        if guard.startswith("fresh"):
            await self.visit.require_fresh(max_age)


Act = Callable[[Call], Awaitable[Any]]
Refused = Callable[[Call, Refusal], Awaitable[Any]]
Says = Callable[[Visit, Refusal], Answer]


class Route(Struct, frozen=True, kw_only=True):
    """A line of the table. `body` and `returns` are msgspec types: validation and OpenAPI follow from them.

    Without `body`, `form` or `parameters` the request's is not read. `form`: the fields of an HTML
    form, as text; `parameters`: the same, or a JSON object, each name at most once, as OAuth has it.
    `refused` says a refusal in the route's own way; without it, problem+json. Without `sure` a
    snapshot of the session will do: only for what shows the caller no more than that. `passive`: the
    call itself is no sign of a person. `tag` groups
    routes in the documentation; the first line of the act's docstring is the summary.
    """

    method: str
    path: str
    guard: Guard
    act: Act
    sure: bool = True
    passive: bool = False
    returns: Any = None
    body: Any = None
    form: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)  # name -> what it means
    refused: Refused | None = None
    optional_body: bool = False  # an empty body stands for the defaults ...
    any_body: bool = False  # ... and so does one that is no JSON
    or_form: bool = False  # the body may come as a form, too
    status: int = 200
    tag: str = "sessions"
    query: Mapping[str, str] = field(default_factory=dict)  # name -> what it means
    refusals: tuple[str, ...] = ()  # codes, besides those of the guard

    also: str = ""  # tells routes apart that do the same
    bearer: bool = True  # an access token will do: not for pages, which are for whoever sits there
    cookieless: bool = False  # no cookie is looked at, so no CSRF rule applies, and any page may ask
    streams: bool = False  # the answer goes on: server-sent events
    in_passing: bool = False  # its clients know no refresh: a token that is due is rotated with the answer
    before: Callable[[Call], None] | None = None  # may refuse before the guard is asked
    says: Says | None = None  # what the middleware refuses, said as the route's clients expect

    @property
    def name(self) -> str:
        return self.act.__name__ + self.also


def in_person(session: Session) -> Session:
    """*session*, unless somebody acts as its user: nobody proves to be another, nor signs in as them."""
    if session.parent_id is not None:
        raise Forbidden("You act as this user. That is for them alone.")
    return session


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise SessionNotFound from None
