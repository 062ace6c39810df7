"""Tokens of which was decided lately that they may use a session, and whether that still stands."""

from __future__ import annotations

from sojourn import lifecycle
from sojourn.clock import Clock
from sojourn.commit import Commits
from sojourn.lifecycle import Outcome, Standing
from sojourn.policy import Policy
from sojourn.session import NO_DATA
from sojourn.token import Token

__all__ = ["Standings"]

_MOST = 4_096  # tokens


class Standings:
    """What was decided of a token is not decided again while nothing can have changed it.

    Where snapshots are off: the record is read each time, and the arithmetic is not done again.
    """

    def __init__(self, commits: Commits, *, policy: Policy, clock: Clock) -> None:
        self._policy, self._clock = policy, clock
        self._lately: dict[str, Standing | None] = {}  # None: came lately
        self.again, self.places, self.alike = commits.again, commits.places, commits.alike

    def of(self, token: str) -> Standing | None:
        """What was decided of *token*, and stands if `again` says so: then the session is what that gives."""
        known = self._lately.get(token)
        return None if known is None or known.over else known

    def remember(self, text: str, token: Token, outcome: Outcome) -> None:
        """*outcome* was decided just now of the token *text*, in which *token* was found.

        Only of a record that stands for itself and that the store knows again: see `Decoded`. And
        only from the second time on: of many who come once in a while it would be in vain.
        """
        session, lately = outcome.session, self._lately
        if session.parent_id is not None or session.data is not NO_DATA:
            return
        known = None
        if text in lately:
            known = lifecycle.standing(outcome, self._policy, self._clock(), token)
        elif len(lately) >= _MOST:
            lately.clear()
        lately[text] = known
