"""The key ring as text: its form, its steps, and the file that only its owner reads."""

from __future__ import annotations

import stat
from datetime import timedelta

import pytest

from sojourn import Keys, Sessions
from sojourn.errors import SettingsError, TokenInvalid
from sojourn.keyring import KEEP, emergency, entries, generate, parse, read, read_text, ring, rotate, write
from sojourn.settings import Settings
from sojourn.stores.memory import MemoryStore
from sojourn.testing import MORNING, FakeClock

DAY = timedelta(days=1)


def roles(text: str) -> dict[int, str]:
    return {entry.key.id: entry.key.role for entry in entries(text)}


def secrets(text: str) -> list[str]:
    return [line.split()[3] for line in text.splitlines() if not line.startswith("#")]


# ── form ──────────────────────────────────────────────────────────────────────────────────────


def test_a_generated_ring_has_one_key_that_signs():
    text = generate(MORNING)
    assert roles(text) == {1: "signing"}
    assert entries(text)[0].since == MORNING.date()
    assert generate(MORNING) != text


def test_a_ring_may_be_one_line_with_semicolons_comments_and_blank_lines():
    first, second = secrets(generate(MORNING))[0], secrets(generate(MORNING))[0]
    inline = f"2 signing 2026-03-02 {first}; 1 retired 2026-03-02 {second};"
    assert roles(inline) == {2: "signing", 1: "retired"}
    assert roles(f"# one; two\n\n{inline} # old\n") == {2: "signing", 1: "retired"}


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("", "keys generate"),
        ("1 signing 2026-03-02", "<since YYYY-MM-DD>"),
        ("x signing 2026-03-02 hushhush", "<since YYYY-MM-DD>"),
        ("1 signing yesterday " + "hush" * 12, "<since YYYY-MM-DD>"),
        ("1 signing 2026-03-02 hush!", "<since YYYY-MM-DD>"),
        ("1 signing 2026-03-02 hushhush", "32 are needed"),
        ("1 " + "hush" * 12 + " 2026-03-02 signing", "next|signing|retired"),
        ("1 retired 2026-03-02 " + "hush" * 12, "exactly one key must sign"),
        ("70000 signing 2026-03-02 " + "hush" * 12, "65535"),
    ],
)
def test_a_broken_ring_is_refused_without_quoting_its_secrets(text, remedy):
    with pytest.raises(SettingsError) as caught:
        parse(text)
    assert remedy in str(caught.value)
    assert "hush" not in str(caught.value)


def test_secrets_are_not_in_what_python_prints():
    text = generate(MORNING)
    printed = repr(entries(text)) + repr(rotate(text, MORNING)) + repr(emergency(text, MORNING))
    assert secrets(text)[0] not in printed
    assert secrets(text)[0] not in repr(parse(text))


# ── steps ─────────────────────────────────────────────────────────────────────────────────────


def test_a_key_is_announced_then_signs_and_the_one_before_it_retires():
    announced = rotate(generate(MORNING), MORNING + DAY)
    assert roles(announced.text) == {1: "signing", 2: "next"}
    signing = rotate(announced.text, MORNING + 2 * DAY)
    assert roles(signing.text) == {1: "retired", 2: "signing"}
    assert {entry.since for entry in entries(signing.text)} == {(MORNING + 2 * DAY).date()}


def test_a_retired_key_goes_when_no_session_can_be_left():
    ring = rotate(rotate(generate(MORNING), MORNING).text, MORNING).text
    keep = 30 * DAY
    assert 1 in roles(rotate(ring, MORNING + 31 * DAY, keep).text)
    late = rotate(ring, MORNING + 32 * DAY, keep)
    assert roles(late.text) == {2: "signing", 3: "next"}
    assert "Key 1 is forgotten" in late.said[0]


def test_keys_are_kept_400_days_at_most():
    ring = rotate(rotate(generate(MORNING), MORNING).text, MORNING).text
    assert 1 not in roles(rotate(ring, MORNING + KEEP + 2 * DAY, 9 * KEEP).text)


def test_a_broken_ring_is_not_rotated():
    with pytest.raises(SettingsError):
        rotate(generate(MORNING).replace("signing", "retired"), MORNING)


def test_sessions_outlive_every_step_of_the_ring():
    clock, store, text = FakeClock(), MemoryStore(), generate(MORNING)
    token = Sessions(store, keys=parse(text), clock=clock).start("ada").token
    for _ in range(4):
        text = rotate(text, clock.tick(days=1)).text
        validated = Sessions(store, keys=parse(text), clock=clock).validate(token)
        token = validated.token or token


def test_an_emergency_signs_everybody_out_and_says_so():
    store, text = MemoryStore(), generate(MORNING)
    token = Sessions(store, keys=parse(text)).start("ada").token
    step = emergency(text, MORNING)
    assert roles(step.text) == {2: "signing"}
    assert "everybody is signed out" in step.said[0]
    with pytest.raises(TokenInvalid):
        Sessions(store, keys=parse(step.text)).validate(token)


# ── file ──────────────────────────────────────────────────────────────────────────────────────


def test_a_written_file_is_its_owners_alone_and_can_be_read(tmp_path):
    path = tmp_path / "sojourn.keys"
    write(path, generate(MORNING))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert isinstance(read(path), Keys)


def test_a_file_is_not_replaced_unless_that_is_said(tmp_path):
    path = tmp_path / "sojourn.keys"
    first, second = generate(MORNING), generate(MORNING)
    write(path, first)
    with pytest.raises(SettingsError, match="--force"):
        write(path, second)
    assert read_text(path) == first
    write(path, second, replace=True)
    assert read_text(path) == second
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_replacing_through_a_link_keeps_the_link(tmp_path):
    path, link = tmp_path / "real.keys", tmp_path / "link.keys"
    write(path, generate(MORNING))
    link.symlink_to(path)
    write(link, text := generate(MORNING), replace=True)
    assert link.is_symlink()
    assert read_text(path) == text


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(SettingsError, match="sojourn keys generate"):
        read(tmp_path / "sojourn.keys")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_file_that_others_may_use_is_refused(tmp_path, mode):
    path = tmp_path / "sojourn.keys"
    write(path, generate(MORNING))
    path.chmod(mode)
    with pytest.raises(SettingsError, match="chmod 600"):
        read(path)


def test_what_is_no_file_of_keys_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="a file of yours"):
        read(tmp_path)
    path = tmp_path / "picture.keys"
    path.write_bytes(b"\xff\xd8\xff")
    path.chmod(0o600)
    with pytest.raises(SettingsError, match="SOJOURN_KEYS_FILE"):
        read(path)


def test_keys_in_the_environment_win_over_the_file(tmp_path):
    path = tmp_path / "sojourn.keys"
    write(path, generate(MORNING))
    assert ring(Settings(keys_file=path)).signing_id == 1
    inline = emergency(generate(MORNING), MORNING).text
    assert ring(Settings(keys_file=path, keys=inline)).signing_id == 2
