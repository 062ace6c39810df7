"""What the tests of stores do again and again, in words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sojourn.blocking import drive
from sojourn.session import Reason, Session
from sojourn.stores.protocol import Query
from sojourn.stores.sqlite import SQLiteStore
from sojourn.testing import MORNING, make_session

NOW = MORNING + timedelta(hours=1)


def started(store: SQLiteStore, **fields: Any) -> Session:
    """A session that is in *store*."""
    session = make_session(**fields)
    assert drive(store.insert(session)).done
    return session


def revoke(store: SQLiteStore, session: Session) -> list[UUID]:
    return drive(store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER))
