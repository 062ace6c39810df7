"""Records to hand: one of each with every field set, and plain ones by number."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sojourn.directory.codes import Code
from sojourn.directory.outbox import Message
from sojourn.directory.records import Application, Tenant
from sojourn.session import new_id
from sojourn.testing import MORNING

MOMENT = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
ID = UUID("019cadc6-9a80-7e64-b6e9-e4cc236c29ef")

FULL_APPLICATION = Application(
    id="shop.web-1_a",
    name="Лавка 🦊",
    secret_hash="a" * 64,
    previous_secret_hash="b" * 64,
    previous_until=MORNING + 7 * MOMENT,
    redirect_uris=("https://a.example.org/cb", "http://127.0.0.1:8000/cb"),
    post_logout_redirect_uris=("https://a.example.org/",),
    back_channel_logout_uri="https://a.example.org/logout",
    back_channel_session_required=True,
    grants=("client_credentials", "refresh_token"),
    scopes=("openid", "orders:read"),
    algorithm="EdDSA",
    access_ttl=timedelta(seconds=90, microseconds=1),
    rules={"lifetime": "12h", "at_cap": "refuse"},
    created_at=MORNING + MOMENT,
    disabled_at=MORNING + 999_999 * MOMENT,
)
FULL_TENANT = Tenant(
    id="ten_1",
    slug="acme-corp",
    name="Acme",
    status="suspended",
    rules={"idle_timeout": "none"},
    created_at=MORNING + MOMENT,
)
FULL_CODE = Code(
    application_id="shop",
    payload='{"sub": "ада"}',
    expires_at=MORNING + MINUTE + MOMENT,
    redeemed_at=MORNING + MOMENT,
    reused_at=MORNING + 2 * MOMENT,
    session_id=ID,
)
FULL_MESSAGE = Message(
    id=ID,
    kind="webhook",
    target="https://a.example.org/hook",
    body=b"\x00\xff{}",
    created_at=MORNING,
    due_at=MORNING + MOMENT,
    attempts=3,
    last_error="no route to host",
    dead_at=MORNING + 3 * MOMENT,
)


def make_application(number: int = 1, **fields: Any) -> Application:
    plain: dict[str, Any] = {
        "id": f"app_{number}",
        "name": f"Application {number}",
        "secret_hash": f"{number:064}",
        "created_at": MORNING + number * MINUTE,
    }
    return Application(**plain | fields)


def make_tenant(number: int = 1, **fields: Any) -> Tenant:
    plain: dict[str, Any] = {
        "id": f"ten_{number}",
        "slug": f"tenant-{number}",
        "name": f"Tenant {number}",
        "created_at": MORNING + number * MINUTE,
    }
    return Tenant(**plain | fields)


def make_code(**fields: Any) -> Code:
    plain: dict[str, Any] = {"application_id": "shop", "payload": "{}", "expires_at": MORNING + MINUTE}
    return Code(**plain | fields)


def make_message(number: int = 0, **fields: Any) -> Message:
    """The higher the number, the later it is due."""
    plain: dict[str, Any] = {
        "id": new_id(MORNING, None),
        "kind": "webhook",
        "target": f"https://{number}.example.org/",
        "body": f"body {number}".encode(),
        "created_at": MORNING,
        "due_at": MORNING + number * MOMENT,
    }
    return Message(**plain | fields)
