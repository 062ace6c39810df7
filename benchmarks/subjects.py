"""What is measured: a table of applications, each beside the bare application that it is compared with."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field

from benchmarks.apps import Places
from benchmarks.apps.forwarded import Forwarded

__all__ = ["NODE", "SUBJECTS", "WRITERS", "Subject", "chosen", "lacking", "lacking_cookie", "make_app"]

NODE = Path(__file__).parent / "better_auth"
_ANY = "theme=dark"


class Subject(Struct, frozen=True, kw_only=True):
    """An application: how it is made, what it needs, and the name of the `bare` one beside it."""

    name: str
    title: str
    bare: str
    app: str  # a module of benchmarks.apps, or "node"
    options: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()  # the servers whose databases it keeps its sessions in
    gateway: Literal["asgi", "wsgi", "node"] = "asgi"
    sessions: int = 64  # how many sessions take turns
    cookie: str = ""  # the Cookie header that comes where there are no sessions
    forwarded: bool = False  # whether a proxy says for whom it asks
    note: str = ""


def _sojourn(
    name: str,
    title: str,
    store: str,
    *,
    sessions: int = 64,
    commits: int = 0,
    settled: bool = False,
    forwarded: bool = False,
    **policy: Any,
) -> Subject:
    options = {"store": store, "policy": policy, "commits": commits, "settled": settled}
    return Subject(
        name=f"sojourn-{name}",
        title=f"Sojourn, {title}",
        bare="starlette-forwarded" if forwarded else "starlette",
        app="sojourn",
        options=options | ({"trusted_proxies": ["127.0.0.1"]} if forwarded else {}),
        needs=(store,) if store in ("postgres", "redis") else (),
        sessions=sessions,
        forwarded=forwarded,
    )


def _django(name: str, title: str, **options: Any) -> Subject:
    servers = {
        "postgres": options.get("database") == "postgres",
        "redis": options.get("engine") == "cached_db",
    }
    return Subject(
        name=name,
        title=title,
        bare="django",
        app="django",
        options=options,
        needs=tuple(server for server, needed in servers.items() if needed),
        gateway="wsgi",
        cookie="" if options else _ANY,
    )


def _floor(store: str, title: str) -> Subject:
    return Subject(
        name=f"floor-{store}",
        title=f"floor: by hand, no features, {title}",
        bare="starlette",
        app="floor",
        options={"store": store},
        needs=(store,) if store in ("postgres", "redis") else (),
    )


def _lawful(name: str, store: str, title: str, *, near: bool = False, beside: int = 0) -> Subject:
    return Subject(
        name=f"lawful-{name}",
        title=f"floor: by hand, with the laws, {title}",
        bare="starlette",
        app="lawful",
        options={"store": store, "near": near, "beside": beside},
        needs=(store,) if store in ("postgres", "redis") else (),
    )


_NO_CACHE = timedelta(0)
_COOKIE = timedelta(minutes=5)
# 2,000 people who come back every 0.3 s and are noted every 10 s, half of which other servers have the load:
# one note in about 20 requests, which is how it is for people who click every 3 s and are noted every minute.
_TRACKED: dict[str, Any] = {"sessions": 2000, "touch_every": timedelta(seconds=10)}
_UNTRACKED: dict[str, Any] = {"sessions": 2000, "idle_timeout": None, "touch_every": timedelta(days=1)}

SUBJECTS = (
    Subject(name="starlette", title="Starlette, bare", bare="starlette", app="starlette", cookie=_ANY),
    Subject(
        name="starlette-long",
        title="Starlette, bare, a cookie as long as ours with a cookie cache",
        bare="starlette",
        app="starlette",
        cookie=f"theme={'d' * 502}",
    ),
    _sojourn("near-memory", "near cache over memory", "memory"),
    _sojourn("near-sqlite", "near cache over SQLite", "sqlite"),
    _sojourn("near-postgres", "near cache over PostgreSQL", "postgres"),
    _sojourn("near-redis", "near cache over Redis", "redis"),
    Subject(
        name="starlette-forwarded",
        title="Starlette, bare, behind a proxy",
        bare="starlette-forwarded",
        app="starlette",
        cookie=_ANY,
        forwarded=True,
    ),
    _sojourn("forwarded", "near cache over SQLite, behind a proxy", "sqlite", forwarded=True),
    _sojourn("untracked", "near cache over SQLite, activity untracked", "sqlite", **_UNTRACKED),
    _sojourn("tracked", "near cache over SQLite, activity tracked", "sqlite", **_TRACKED),
    _sojourn(
        "cookie", "cookie cache alone, over SQLite", "sqlite", cache_for=_NO_CACHE, cookie_cache=_COOKIE
    ),
    _sojourn("memory", "memory read each time", "memory", cache_for=_NO_CACHE),
    _sojourn("sqlite", "SQLite read each time", "sqlite", cache_for=_NO_CACHE),
    _sojourn(
        "written", "SQLite read each time, 20 commits a second", "sqlite", cache_for=_NO_CACHE, commits=20
    ),
    _sojourn("postgres", "PostgreSQL read each time", "postgres", cache_for=_NO_CACHE),
    _sojourn("redis", "Redis read each time", "redis", cache_for=_NO_CACHE),
    _sojourn(
        "postgres-settled",
        "PostgreSQL read each time, collector settled",
        "postgres",
        settled=True,
        cache_for=_NO_CACHE,
    ),
    _sojourn(
        "redis-settled",
        "Redis read each time, collector settled",
        "redis",
        settled=True,
        cache_for=_NO_CACHE,
    ),
    _floor("memory", "memory"),
    _floor("sqlite", "SQLite"),
    _floor("postgres", "PostgreSQL, reads together"),
    _floor("redis", "Redis, reads together"),
    _lawful("near", "memory", "near cache", near=True),
    _lawful("cookie", "memory", "near cache, long cookies", near=True, beside=449),
    _lawful("sqlite", "sqlite", "SQLite"),
    _lawful("postgres", "postgres", "PostgreSQL, reads together"),
    _lawful("redis", "redis", "Redis, reads together"),
    Subject(
        name="starlette-signed-cookie",
        title="Starlette SessionMiddleware (signed cookie, cannot revoke)",
        bare="starlette",
        app="starlette",
        options={"sessions": "signed-cookie"},
    ),
    Subject(
        name="starsessions",
        title="starsessions, Redis",
        bare="starlette",
        app="starlette",
        options={"sessions": "starsessions"},
        needs=("redis",),
    ),
    Subject(name="fastapi", title="FastAPI, bare", bare="fastapi", app="fastapi_users", cookie=_ANY),
    Subject(
        name="fastapi-users-sqlite",
        title="fastapi-users, database strategy, SQLite",
        bare="fastapi",
        app="fastapi_users",
        options={"database": "sqlite"},
    ),
    Subject(
        name="fastapi-users-postgres",
        title="fastapi-users, database strategy, PostgreSQL",
        bare="fastapi",
        app="fastapi_users",
        options={"database": "postgres"},
        needs=("postgres",),
    ),
    _django("django", "Django, bare"),
    _django("django-db", "Django sessions, db on SQLite", engine="db"),
    _django("django-db-postgres", "Django sessions, db on PostgreSQL", engine="db", database="postgres"),
    _django("django-cached-db", "Django sessions, cached_db (Redis, SQLite)", engine="cached_db"),
    _django("django-allauth", "django-allauth usersessions, tracking, SQLite", engine="db", tracking=True),
    Subject(name="flask", title="Flask, bare", bare="flask", app="flask", gateway="wsgi", cookie=_ANY),
    Subject(
        name="flask-session",
        title="Flask-Session, Redis",
        bare="flask",
        app="flask",
        options={"sessions": True},
        needs=("redis",),
        gateway="wsgi",
    ),
    Subject(name="node", title="node:http, bare", bare="node", app="node", gateway="node", cookie=_ANY),
    Subject(
        name="better-auth",
        title="Better Auth, SQLite",
        bare="node",
        app="node",
        options={"sessions": True, "cookieCache": False},
        gateway="node",
    ),
    Subject(
        name="better-auth-cookie",
        title="Better Auth, cookie cache",
        bare="node",
        app="node",
        options={"sessions": True, "cookieCache": True},
        gateway="node",
    ),
)

# Whose writes are measured: signing in, and where it exists the rotation.
WRITERS = (
    *("sojourn-memory", "sojourn-sqlite", "sojourn-postgres", "sojourn-redis"),
    *("starsessions", "fastapi-users-sqlite", "fastapi-users-postgres", "django-db", "django-db-postgres"),
    *("django-cached-db", "django-allauth", "flask-session", "better-auth"),
)


def chosen(only: Iterable[str]) -> list[Subject]:
    """The subjects whose name begins with one of *only*, with their bare ones; all if there is no *only*."""
    prefixes = tuple(only)
    if not prefixes:
        return list(SUBJECTS)
    asked = [subject for subject in SUBJECTS if subject.name.startswith(prefixes)]
    names = {subject.name for subject in asked} | {subject.bare for subject in asked}
    return [subject for subject in SUBJECTS if subject.name in names]


def lacking(subject: Subject) -> str | None:
    """Why *subject* cannot be measured here, or None. Servers are not asked for."""
    if subject.app == "sojourn":
        return _lacking_of_policy(subject.options["policy"])
    if subject.app == "node":
        if shutil.which("node") is None:
            return "node is not on this machine"
        if subject.options and not (NODE / "node_modules/better-sqlite3/build").is_dir():
            return "`npm ci` in benchmarks/better_auth was not run, or failed"
    return None


def _lacking_of_policy(policy: Mapping[str, Any]) -> str | None:
    from sojourn import Policy

    unknown = sorted(set(policy) - set(Policy.__struct_fields__))
    return f"Policy has no {', '.join(unknown)} yet" if unknown else None


def lacking_cookie(subject: Subject, jar: Mapping[str, str]) -> str | None:
    """Why *jar*, the cookies after a first visit, is not what *subject* is about: it would read the store."""
    caches = subject.options.get("cookieCache") or subject.options.get("policy", {}).get("cookie_cache")
    if caches and not any("cache" in name or "session_data" in name for name in jar):
        return f"no cookie cache came, only {', '.join(sorted(jar))}"
    return None


def make_app(subject: Subject, places: Places) -> Any:
    """The ASGI or WSGI application of *subject*."""
    app = importlib.import_module(f"benchmarks.apps.{subject.app}").make(places, **subject.options)
    return Forwarded(app) if subject.forwarded else app
