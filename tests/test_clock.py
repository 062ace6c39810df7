"""The clock that runs with the store's: skew, suspends, and clocks that somebody set."""

from __future__ import annotations

import math
from datetime import timedelta

from sojourn.clock import StoreClock, utc_now
from sojourn.testing import MORNING

SECOND = timedelta(seconds=1)
START = MORNING.timestamp()


class Machine:
    """A wall clock, and a monotonic one that stands still while the machine is suspended."""

    def __init__(self, ahead: float = 0) -> None:
        self.wall, self.monotonic, self.true = START + ahead, 1000.0, START
        self.clock = StoreClock(wall=lambda: self.wall, monotonic=lambda: self.monotonic)

    def run(self, seconds: float) -> None:
        self.true, self.wall, self.monotonic = (
            self.true + seconds,
            self.wall + seconds,
            self.monotonic + seconds,
        )

    def suspend(self, seconds: float) -> None:
        self.true, self.wall = self.true + seconds, self.wall + seconds

    def poll(self, to_the_store: float = 0, back: float = 0) -> None:
        asked = self.clock.reading()
        self.run(to_the_store)
        told = MORNING + timedelta(seconds=self.true - START)
        self.run(back)
        self.clock.sync(told, asked=asked)

    def in_doubt(self) -> bool:
        return self.clock.doubtful

    @property
    def wrong(self) -> float:
        """Seconds that the clock is ahead of the truth."""
        return round((self.clock() - MORNING).total_seconds() - (self.true - START), 3)


def test_until_a_poll_it_is_the_machines():
    assert Machine(ahead=60).wrong == 60
    assert abs(StoreClock()() - utc_now()) < SECOND


def test_a_poll_makes_it_the_stores_however_wrong_the_machine_is():
    for ahead in (-3600, -60, -1, 0, 1, 60, 3600):
        machine = Machine(ahead)
        machine.clock()
        machine.poll()
        machine.run(10)
        assert machine.wrong == 0


def test_processes_agree_within_a_round_trip():
    for ahead in (-60, 0, 60):
        machine = Machine(ahead)
        machine.poll(to_the_store=0.2, back=0.1)
        assert abs(machine.wrong) <= 0.3


def test_a_slow_answer_does_not_make_it_worse():
    machine = Machine(ahead=60)
    machine.poll()
    machine.poll(to_the_store=0, back=9)
    assert machine.wrong == 0
    machine.poll(to_the_store=9, back=0)
    assert machine.wrong == 0


def test_between_polls_nobody_who_sets_the_wall_clock_back_moves_it():
    machine = Machine()
    machine.poll()
    machine.wall -= 3600
    machine.run(5)
    assert machine.wrong == 0


def test_a_suspended_machine_does_not_fall_behind():
    machine = Machine(ahead=60)
    machine.poll()
    machine.suspend(0.9)
    assert machine.wrong == 0
    machine.suspend(600)
    assert machine.wrong == 0


def test_a_machine_that_was_suspended_during_a_poll_does_not_fall_behind():
    machine = Machine(ahead=60)
    machine.poll()
    asked = machine.clock.reading()
    told = MORNING + timedelta(seconds=machine.true - START)
    machine.suspend(600)
    machine.clock.sync(told, asked=asked)
    assert machine.wrong == 0


def test_each_call_notes_whether_it_is_in_doubt_until_a_poll():
    machine = Machine()
    machine.poll()
    for ahead, doubted in ((0.5, False), (0.4, False), (0.2, True), (-1.1, False), (3600, True)):
        machine.wall += ahead
        machine.clock()
        assert machine.clock.in_doubt == machine.in_doubt() == doubted
    machine.poll()
    assert not machine.clock.in_doubt


def test_after_the_wall_clock_was_set_ahead_it_is_in_doubt_until_a_poll():
    machine = Machine()
    assert not machine.in_doubt()
    machine.poll()
    assert not machine.in_doubt()
    machine.wall += 3600
    assert machine.in_doubt()
    assert machine.wrong == 3600
    machine.poll()
    assert not machine.in_doubt()
    assert machine.wrong == 0


def test_without_a_store_that_has_a_clock_it_follows_the_machines_also_back():
    machine = Machine()
    machine.clock()
    machine.wall -= 3600
    assert machine.wrong == -3600


def test_a_correction_of_less_than_two_seconds_never_steps_back():
    machine = Machine(ahead=1.5)
    before = machine.clock()
    machine.poll()
    readings = []
    for _ in range(30):
        machine.run(0.1)
        readings.append(machine.clock())
    assert readings == sorted(readings)
    assert readings[0] == before
    assert machine.wrong == 0


def test_who_only_compares_is_told_how_long_it_is_before_then():
    machine = Machine(ahead=60)
    until = START + 5
    assert machine.clock.when(until) == (math.inf, until)
    machine.poll()
    assert machine.clock.when(until) == (5, machine.wall + 5)
    machine.run(2)
    assert machine.clock.when(until) == (3, machine.wall + 3)
    machine.wall += 10
    assert machine.clock.when(until) == (3, machine.wall - 7)


def test_who_only_compares_is_told_how_long_there_is_no_doubt():
    machine = Machine()
    assert machine.clock.believed_until() == math.inf
    machine.poll()
    assert machine.clock.believed_until() == machine.wall + 1
    machine.wall += 0.4
    assert machine.clock.believed_until() == machine.wall + 0.6
    machine.wall += 0.7
    assert machine.in_doubt()
    assert machine.clock.believed_until() < machine.wall


def test_a_poll_that_finds_it_right_does_not_move_it():
    machine = Machine(ahead=60)
    assert machine.clock.sync(MORNING, asked=machine.clock.reading())
    for _ in range(3):
        machine.run(0.2)
        asked = machine.clock.reading()
        machine.run(0.2)
        told = MORNING + timedelta(seconds=machine.true - START - 0.1)
        assert not machine.clock.sync(told, asked=asked)
        assert machine.wrong == 0
    machine.suspend(0.01)  # the two clocks differ, though the reading is right
    assert machine.clock.sync(
        MORNING + timedelta(seconds=machine.true - START), asked=machine.clock.reading()
    )
