"""The demo's sample: a user on several devices, an administrator, and a week of everybody else.

People, devices, places and times follow from the seed and from *now*. Ids, salts and keys do not:
a secret that can be computed is none, in a demo either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from random import Random

from msgspec import Struct
from msgspec.structs import replace as _replaced

from sojourn import device, lifecycle
from sojourn.accounts import User
from sojourn.accounts.passwords import PasswordHasher
from sojourn.accounts.store import AccountsStore
from sojourn.accounts.user import Role, password_account
from sojourn.demo.cast import ADMIN, AGENTS, FIRST_NAMES, LAST_NAMES, PLACES, USER, Person
from sojourn.policy import Policy
from sojourn.session import Device, Reason, Session, new_id, new_salt
from sojourn.stores.protocol import Store

__all__ = ["POLICY", "Stay", "fill", "session_of"]

_IDLE = _ROTATE = timedelta(minutes=15)
POLICY = Policy(
    lifetime=timedelta(days=30),
    idle_timeout=_IDLE,
    activity_every=timedelta(minutes=5),
    rotate_every=_ROTATE,
)
OTHERS = 200

_SEED = 1843
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_WEEK = 7 * _DAY
# How many of a hundred sign-ins begin in each hour of the day, UTC.
_BY_HOUR = (1, 1, 1, 1, 1, 2, 3, 5, 7, 8, 7, 6, 6, 7, 7, 6, 6, 6, 5, 4, 4, 3, 2, 1)


class Stay(Struct, frozen=True, kw_only=True):
    """A session as a story: who, with what and where, from when to when, and how it ended."""

    user_id: str
    agent: str
    place: str
    host: int  # the last part of the address
    browser: str  # which of a person's browsers, so that the same one is recognised
    began: datetime
    seen: datetime
    ended: datetime | None = None
    reason: Reason | None = None
    by: str | None = None
    note: str | None = None
    remember: bool = False


async def fill(store: Store, accounts: AccountsStore, *, key_id: int, now: datetime) -> list[Session]:
    """Put the sample into empty stores, as if it had happened until *now*; its sessions."""
    ada, grace, *others = users = list(_users(now))
    hasher = PasswordHasher()
    for user, person in ((ada, USER), (grace, ADMIN)):
        account = password_account(user.id, await hasher.hash(person.password))
        await accounts.insert(user, account)
    # Together, because what waits together is committed together.
    await asyncio.gather(*(accounts.insert(user) for user in users[2:]))
    stays = [*_adas(ada.id, grace.id, now), *_graces(grace.id, now), *_week(others, now)]
    sessions = [session_of(stay, key_id) for stay in stays]
    await asyncio.gather(*(store.insert(session) for session in sessions))
    return sessions


def session_of(stay: Stay, key_id: int) -> Session:
    """The record that a session leaves which was lived like *stay*."""
    where = PLACES[stay.place]
    session = lifecycle.start(
        POLICY,
        stay.began,
        id=new_id(stay.began, stay.user_id),
        salt=new_salt(),
        key_id=key_id,
        user_id=stay.user_id,
        device=_device(stay.agent, f"{stay.user_id} {stay.browser}"),
        place=where.place,
        ip=f"{where.network}{stay.host}",
        amr=("pwd",),
        remember=stay.remember,
    )
    session = _lived(session, stay.seen)
    if stay.ended is None:
        return session
    return session.change(revoked_at=stay.ended, reason=stay.reason, revoked_by=stay.by, note=stay.note)


def _lived(session: Session, seen: datetime) -> Session:
    """*session* after use until *seen*: it slid, and was rotated as often as the policy has it."""
    rotations = (seen - session.created_at) // _ROTATE
    rotated_at = session.created_at + rotations * _ROTATE if rotations else None
    return _replaced(
        session,
        seen_at=seen,
        expires_at=min(seen + _IDLE + POLICY.allowance, session.ends_at),
        generation=rotations,
        rotated_at=rotated_at,
        confirmed_at=rotated_at,
    )


@cache
def _described(agent: str) -> Device:
    return device.describe(AGENTS[agent].headers)


def _device(agent: str, browser: str) -> Device:
    return _replaced(_described(agent), id=_random(browser).randbytes(16).hex())


def _random(what: object) -> Random:
    return Random(f"{_SEED} {what}")  # noqa: S311 - a sample, not a secret


# ── people ────────────────────────────────────────────────────────────────────────────────────


def _users(now: datetime) -> Iterator[User]:
    yield _user(USER, now - 200 * _DAY)
    yield _user(ADMIN, now - 210 * _DAY, role="admin")
    random, taken = _random("people"), set[str]()
    while len(taken) < OTHERS:
        first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
        email = f"{first}.{last}@example.org".lower()
        joined = now - random.randint(8 * 24, 180 * 24) * _HOUR
        if email not in taken:
            taken.add(email)
            yield _user(Person(email, f"{first} {last}", ""), joined)


def _user(person: Person, at: datetime, role: Role = "user") -> User:
    return User(id=str(new_id(at, None)), email=person.email, name=person.name, role=role, created_at=at)


# ── what they did ─────────────────────────────────────────────────────────────────────────────


def _adas(ada: str, grace: str, now: datetime) -> Iterator[Stay]:
    """Five devices in use now, idle for up to six minutes, and the ends of five others."""

    def stay(browser: str, agent: str, place: str, began: timedelta, seen: timedelta) -> Stay:
        return Stay(
            user_id=ada,
            agent=agent,
            place=place,
            host=20 + len(browser),
            browser=browser,
            began=now - began,
            seen=now - seen,
            remember=place == "Lyon",  # at home
        )

    yield stay("laptop", "Chrome on macOS", "Lyon", 7 * _HOUR, _MINUTE / 3)
    yield stay("phone", "Safari on iPhone", "Lyon, mobile", 50 * _MINUTE, _MINUTE)
    yield stay("office", "Firefox on Windows", "New York", 3 * _HOUR, 2 * _MINUTE)
    yield stay("tablet", "Safari on iPad", "Lyon", 2 * _HOUR, 4 * _MINUTE)
    yield stay("second phone", "Chrome on a Pixel 9", "Paris", 26 * _HOUR, 6 * _MINUTE)
    yield stay("library", "Edge on Windows", "London", 9 * _HOUR, 8 * _HOUR)  # left open, and expired
    yield stay("desk", "Chrome on Linux", "Lyon", 31 * _DAY, _DAY + _MINUTE)  # used until its last minute
    hotel = stay("hotel", "Chrome on Windows", "Berlin", 2 * _DAY, 2 * _DAY - _HOUR)
    yield _ended(hotel, Reason.USER, by=ada)
    yield _ended(stay("copied", "Chrome on Windows", "São Paulo", 4 * _DAY, 4 * _DAY - _HOUR), Reason.REPLAY)
    lost = stay("lost phone", "Samsung Internet", "Lyon, mobile", 6 * _DAY, 6 * _DAY - _HOUR)
    yield _ended(lost, Reason.ADMIN, by=grace, note="Ada called: the phone was left on a train.")


def _graces(grace: str, now: datetime) -> Iterator[Stay]:
    def stay(browser: str, agent: str, began: timedelta, seen: timedelta) -> Stay:
        return Stay(
            user_id=grace,
            agent=agent,
            place="New York",
            host=7,
            browser=browser,
            began=now - began,
            seen=now - seen,
        )

    yield stay("work", "Firefox on Linux", 4 * _HOUR, 3 * _MINUTE)
    yield _ended(stay("home", "Safari on macOS", _DAY, 22 * _HOUR), Reason.SIGNED_OUT, by=grace)


def _ended(stay: Stay, reason: Reason, *, by: str | None = None, note: str | None = None) -> Stay:
    """*stay*, ended three minutes after its last use."""
    return _replaced(stay, ended=stay.seen + 3 * _MINUTE, reason=reason, by=by, note=note)


def _week(people: list[User], now: datetime) -> Iterator[Stay]:
    """Everybody else: each has one or two browsers and comes by a few times; about one in ten is here now."""
    agents, weights = list(AGENTS), [software.weight for software in AGENTS.values()]
    for index, user in enumerate(people):
        random = _random(user.email)
        place, host = random.choice(list(PLACES)), random.randint(2, 250)
        browsers = random.choices(agents, weights, k=random.choice((1, 1, 2)))
        for _ in range(random.randint(2, 7)):
            began = _moment(random, now)
            yield _visit(random, user.id, random.choice(browsers), place, host, began, now)
        if index % 10 == 0:
            here = now - random.randint(20, 240) * _MINUTE
            seen = now - random.randint(10, 600) * _MINUTE / 60
            agent = random.choice(browsers)
            yield Stay(
                user_id=user.id, agent=agent, place=place, host=host, browser=agent, began=here, seen=seen
            )


def _moment(random: Random, now: datetime) -> datetime:
    """Some time in the week before *now*, when people are awake; not so late that it would still last."""
    while True:
        day = now - random.randint(0, 7) * _DAY
        hour = random.choices(range(24), _BY_HOUR)[0]
        at = day.replace(hour=hour, minute=random.randrange(60), second=random.randrange(60), microsecond=0)
        if now - _WEEK < at < now - 3 * _HOUR:
            return at


def _visit(
    random: Random, user_id: str, agent: str, place: str, host: int, began: datetime, now: datetime
) -> Stay:
    """An hour or two; then most people just leave, some sign out, a few are thrown out."""
    seen = began + random.randint(1, 150) * _MINUTE
    reason = random.choices(
        (None, Reason.SIGNED_OUT, Reason.REPLACED, Reason.USER, Reason.PASSWORD_CHANGED, Reason.REPLAY),
        (120, 60, 8, 6, 4, 1),
    )[0]
    stay = Stay(user_id=user_id, agent=agent, place=place, host=host, browser=agent, began=began, seen=seen)
    if reason is None:
        return stay
    return _ended(stay, reason, by=None if reason is Reason.REPLAY else user_id)
