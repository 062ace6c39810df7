"""Django: bare, with its sessions in the database or cached, and with allauth's usersessions."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from benchmarks.apps import USERS, Places, user_name

__all__ = ["make"]

urlpatterns: list[Any] = []  # of the one application that this process has


def make(places: Places, *, engine: str = "", database: str = "sqlite", tracking: bool = False) -> Any:
    """The WSGI application; *engine* is the last part of a session engine's name, "" for none."""
    import django
    from django.conf import settings

    settings.configure(**_settings(places, engine, database, tracking))
    django.setup()
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application

    if engine:
        call_command("migrate", verbosity=0)
    _route(_views() if engine else {"me": _anybody})
    return get_wsgi_application()


def _settings(places: Places, engine: str, database: str, tracking: bool) -> dict[str, Any]:
    chosen: dict[str, Any] = {"ROOT_URLCONF": __name__, "SECRET_KEY": "x" * 50, "ALLOWED_HOSTS": ["*"]}
    if not engine:
        return chosen
    middleware = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ]
    apps = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"]
    if tracking:
        apps += ["allauth", "allauth.account", "allauth.usersessions"]
        middleware += [
            "allauth.account.middleware.AccountMiddleware",
            "allauth.usersessions.middleware.UserSessionsMiddleware",
        ]
    return chosen | {
        "INSTALLED_APPS": apps,
        "MIDDLEWARE": middleware,
        "USE_TZ": True,
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "SESSION_ENGINE": f"django.contrib.sessions.backends.{engine}",
        "USERSESSIONS_TRACK_ACTIVITY": tracking,
        "DATABASES": {"default": _database(database, places)},
        "CACHES": {
            "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": places.redis}
        },
    }


def _database(kind: str, places: Places) -> dict[str, Any]:
    kept_open = {"CONN_MAX_AGE": None}  # kinder than the default, which connects for each request
    if kind == "sqlite":
        ahead = "pragma journal_mode = wal; pragma synchronous = normal"
        return kept_open | {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(places.file("django.db")),
            "OPTIONS": {"init_command": ahead, "transaction_mode": "IMMEDIATE"},
        }
    at = urlsplit(places.postgres)
    return kept_open | {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": at.path.removeprefix("/"),
        "USER": at.username or "",
        "PASSWORD": at.password or "",
        "HOST": at.hostname or "",
        "PORT": at.port or "",
    }


def _route(views: dict[str, Any]) -> None:
    from django.urls import path

    urlpatterns[:] = [path(name, view) for name, view in views.items()]


def _anybody(request: Any) -> Any:
    from django.http import JsonResponse

    return JsonResponse({"user": user_name(0)})


def _views() -> dict[str, Any]:
    from django.contrib.auth import login
    from django.contrib.auth.models import User
    from django.http import JsonResponse

    User.objects.bulk_create(User(username=user_name(n), password="!") for n in range(USERS))
    users = {user.get_username(): user for user in User.objects.all()}

    def me(request: Any) -> Any:
        if not request.user.is_authenticated:
            return JsonResponse({}, status=401)
        return JsonResponse({"user": request.user.get_username()})

    def create(request: Any) -> Any:
        user = users[user_name(request.GET["user"])]
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        return JsonResponse({})

    return {"me": me, "create": create}
