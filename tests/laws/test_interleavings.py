"""Laws 3 and 4 in bearer mode: 10,000 lives of tabs, lost answers and a thief, against a small model."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from sojourn import Policy, Session, lifecycle
from sojourn.errors import AccessExpired, SessionRevoked, TokenReplayed
from sojourn.session import Device, Reason
from sojourn.testing import MORNING, make_keys
from sojourn.token import derive, parse

KEYS = make_keys()
POLICY = Policy(lifetime=timedelta(days=30), idle_timeout=None)
LIVES, STEPS = 5_000, 14  # of each kind: without a thief, and with one


class Bearer:
    """Whoever holds a refresh token, and the generation that came with the last access token."""

    def __init__(self, token: str, generation: int, refreshed_at: datetime) -> None:
        self.token, self.generation, self.refreshed_at = token, generation, refreshed_at
        self.waiting: list[tuple[datetime, str, int]] = []
        self.losses = 0


class Model:
    """What may happen to a refresh token, in ten lines."""

    def __init__(self, now: datetime) -> None:
        self.current, self.rotated_at, self.forgiven_at, self.confirmed = 0, now, now, True

    def refresh(self, generation: int, now: datetime) -> str:
        behind = self.current - generation
        if behind == 0:
            self.current, self.rotated_at, self.forgiven_at, self.confirmed = generation + 1, now, now, False
            return "rotated"
        if behind == 1 and now - self.forgiven_at < POLICY.grace:
            return "twin"
        if behind == 1 and not self.confirmed and now - self.rotated_at < POLICY.lost_answer:
            self.forgiven_at = now
            return "lost_answer"
        return "replay"

    def use(self, generation: int) -> None:
        self.confirmed = self.confirmed or generation == self.current


class Life:
    """One session, its owner with any number of tabs over one jar, and perhaps a thief."""

    def __init__(self, seed: int, *, thief: bool) -> None:
        self.chance, self.now = random.Random(seed), MORNING
        self.session: Session = lifecycle.start(
            POLICY, self.now, id=UUID(int=seed), salt=bytes(32), key_id=1, user_id="ada", device=Device()
        )
        self.model = Model(self.now)
        self.owner = Bearer(derive(self.session, KEYS), 0, self.now)
        self.thief: Bearer | None = None
        self.stolen_at = self.chance.randrange(STEPS) if thief else STEPS
        self.verdicts: list[str] = []

    def live(self) -> None:
        for step in range(STEPS):
            self.now += timedelta(seconds=self.chance.choice([0, 1, 5, 12, 60, 120, 240]))
            if step == self.stolen_at:
                self.thief = Bearer(self.owner.token, self.owner.generation, self.owner.refreshed_at)
            for bearer in filter(None, (self.owner, self.thief)):
                self.receive(bearer)
            self.act(self.thief if self.thief and self.chance.random() < 0.4 else self.owner)
            if self.session.revoked_at is not None:
                return

    def receive(self, bearer: Bearer) -> None:
        due = [answer for answer in bearer.waiting if answer[0] <= self.now]
        bearer.waiting = [answer for answer in bearer.waiting if answer[0] > self.now]
        for _, token, generation in due:
            bearer.token, bearer.generation, bearer.refreshed_at = token, generation, self.now

    def act(self, bearer: Bearer) -> None:
        if self.now - bearer.refreshed_at < timedelta(minutes=4):
            return self.use(bearer)
        for _ in range(self.chance.choice([1, 1, 2, 3])):  # as many tabs at once, without a lock
            if self.session.revoked_at is None:
                self.refresh(bearer)

    def use(self, bearer: Bearer) -> None:
        """An access token opens whatever it is shown to, and tells that the refresh token has come too."""
        outcome = lifecycle.admit(
            self.session, POLICY, self.now, user_id="ada", version=1, generation=bearer.generation
        )
        if outcome.seen is not None and outcome.seen.generation is not None:
            self.session = outcome.session
        self.model.use(bearer.generation)

    def refresh(self, bearer: Bearer) -> None:
        token = parse(bearer.token, KEYS)
        expected = self.model.refresh(token.generation, self.now)
        outcome = lifecycle.refresh(self.session, POLICY, self.now, token=token, keys=KEYS, bearer=True)
        said = "replay" if outcome.refusal else getattr(outcome.events[-1], "verdict", "")
        assert said == expected
        self.verdicts.append(said)
        self.session = outcome.session
        if outcome.refusal is None:
            self.answer(bearer, derive(self.session, KEYS))

    def answer(self, bearer: Bearer, token: str) -> None:
        """It takes up to nine seconds; of three in a row one arrives."""
        lost = bearer.losses < 2 and self.chance.random() < 0.3
        bearer.losses = bearer.losses + 1 if lost else 0
        if not lost:
            arrives = self.now + timedelta(seconds=self.chance.randrange(10))
            bearer.waiting.append((arrives, token, self.session.generation))


@pytest.mark.req("R-07")
def test_law_03_without_a_thief_nobody_is_signed_out_in_any_of_5000_lives():
    verdicts: set[str] = set()
    for seed in range(LIVES):
        life = Life(seed, thief=False)
        life.live()
        assert life.session.revoked_at is None, f"seed {seed}: {life.verdicts}"
        verdicts.update(life.verdicts)
    assert verdicts == {"rotated", "twin", "lost_answer"}


@pytest.mark.req("R-06", "A10-10.4.5", "TH-07")
def test_law_04_with_a_thief_the_first_who_is_behind_and_too_late_ends_it_in_5000_lives():
    ended = 0
    for seed in range(LIVES):
        life = Life(seed, thief=True)
        life.live()
        assert ("replay" in life.verdicts) == (life.session.revoked_at is not None)
        if life.session.revoked_at is not None:
            ended += 1
            assert life.verdicts[-1] == "replay"
            assert life.session.reason is Reason.REPLAY
    assert ended > LIVES / 5  # else the thieves of this test were too shy to show anything


def test_law_04_what_was_confirmed_by_its_access_token_is_forgiven_to_nobody_later():
    """In bearer mode nothing but a refresh shows the refresh token: its access token speaks for it."""
    life = Life(1, thief=False)
    first = parse(life.owner.token, KEYS)
    life.refresh(life.owner)
    life.use(Bearer("", 1, life.now))
    life.now += POLICY.grace
    outcome = lifecycle.refresh(life.session, POLICY, life.now, token=first, keys=KEYS, bearer=True)
    assert isinstance(outcome.refusal, TokenReplayed)


def test_an_access_token_of_an_ended_or_renewed_session_opens_nothing():
    life = Life(1, thief=False)
    renewed = lifecycle.renew(life.session, POLICY, life.now, salt=bytes(32), key_id=1).session
    with pytest.raises(AccessExpired):
        lifecycle.admit(renewed, POLICY, life.now, user_id="ada", version=1)
    over = life.session.change(revoked_at=life.now, reason=Reason.USER)
    with pytest.raises(SessionRevoked):
        lifecycle.admit(over, POLICY, life.now, user_id="ada", version=1)
