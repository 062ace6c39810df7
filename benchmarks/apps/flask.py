"""Flask: bare, and with Flask-Session on Redis."""

from __future__ import annotations

from typing import Any

from flask import Flask, request, session

from benchmarks.apps import Places, user_name

__all__ = ["make"]


def make(places: Places, *, sessions: bool = False) -> Flask:
    """The WSGI application, with sessions or without."""
    app = Flask(__name__)
    if not sessions:
        app.add_url_rule("/me", "me", lambda: {"user": user_name(0)})
        return app
    from flask_session import Session
    from redis import Redis

    app.config.update(SESSION_TYPE="redis", SESSION_REDIS=Redis.from_url(places.redis))
    Session(app)
    app.add_url_rule("/me", "me", _me)
    app.add_url_rule("/create", "create", _create, methods=["POST"])
    return app


def _me() -> Any:
    user = session.get("user")
    return {"user": user} if user else ({}, 401)


def _create() -> Any:
    session["user"] = user_name(request.args["user"])
    return {}
