"""The laws of a store, each as a test that runs on both faces."""

from __future__ import annotations

from sojourn.testing.background import Chores
from sojourn.testing.caps import Caps
from sojourn.testing.changes import Changes
from sojourn.testing.endings import Endings
from sojourn.testing.feed import Feed
from sojourn.testing.holds import Holds
from sojourn.testing.questions import Questions
from sojourn.testing.searches import Searches

__all__ = ["StoreContract"]


class StoreContract(Changes, Caps, Endings, Holds, Questions, Searches, Feed, Chores):
    """Every law of `Store`, for authors of stores::

        class TestMyStore(StoreContract):
            @pytest.fixture
            def new_store(self, tmp_path):
                return MyStore(tmp_path / "sessions")

    `new_store` gives a new, empty store to each test, which closes it.
    """
