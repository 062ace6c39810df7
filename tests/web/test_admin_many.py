"""Administrators search, revoke many, act as users and read the journal, over the API."""

from __future__ import annotations

import csv
from io import StringIO
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from sojourn.accounts import User
from sojourn.api.admin import export, where
from sojourn.api.admin.export import safe
from sojourn.api.views import instant
from sojourn.events import AdminActed
from sojourn.observe.jobs.runner import Runner
from sojourn.searching import Search
from sojourn.session import Device, Place
from sojourn.stores.protocol import Query
from tests.web.kit import ADA, CHROME, FIREFOX, IPHONE, PASSWORD, Browser, Guests, code

API = "/api/admin"
BOSS = "boss@example.org"


@pytest.fixture
def boss(server: Guests) -> Browser:
    """A browser in which an administrator has just signed in."""
    browser = server.browser(CHROME, ip="198.51.100.1")
    assert browser.sign_up(BOSS).status_code == 201
    make_admin(server, BOSS)
    browser.get(f"{API}/stats")  # the changed role renews the token
    return browser


def make_admin(server: Guests, email: str) -> None:
    async def act() -> None:
        accounts = server.accounts
        user = await accounts.by_email(email)
        assert user is not None
        await accounts.set_role(user.id, "admin")

    server.run(act)


def step(server: Guests) -> None:
    """What the background work does."""
    from sojourn import duties

    async def work() -> None:
        runner: Runner = duties.jobs(server.accounts, server.sessions, server.app.state.ledger)
        while await runner.step(server.clock()):
            pass

    server.run(work)


def journal(server: Guests) -> None:
    server.run(server.app.state.journal.flush)


def found(browser: Browser, **query: str) -> set[str]:
    answer = browser.get(f"{API}/sessions", params=query)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["complete"]
    assert body["count"] == len(body["sessions"])
    return {row["user_id"] for row in body["sessions"]}


def acts(server: Guests) -> list[str]:
    return [event.act for event in server.events if isinstance(event, AdminActed)]


# ── search ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def company(server: Guests) -> None:
    mac = Device(kind="desktop", name="Chrome 143 on macOS")
    phone = Device(kind="mobile", name="Safari 26 on iOS", custom_name="Mum's phone")
    server.start("ada", ip="10.1.2.3", device=mac, place=Place(city="Berlin", country="DE"))
    server.start("bob", ip="10.1.9.9", device=phone, place=Place(city="Paris", country="FR"))
    server.start("eve", ip="2001:db8::7", device=mac, application_id="shop")


@pytest.mark.usefixtures("company")
@pytest.mark.parametrize(
    ("query", "users"),
    [
        ({"q": "10.1.2.3"}, {"ada"}),
        ({"q": "10.1.0.0/16"}, {"ada", "bob"}),
        ({"q": "2001:db8::/32"}, {"eve"}),
        ({"q": "ada"}, {"ada"}),
        ({"q": "mum's"}, {"bob"}),
        ({"q": "nobody@example.org"}, set()),
        ({"ip": "10.1.0.0/16", "q": "chrome"}, {"ada"}),
        ({"country": "fr"}, {"bob"}),
        ({"kind": "mobile"}, {"bob"}),
        ({"device": "SAFARI"}, {"bob"}),
        ({"application_id": "shop"}, {"eve"}),
        ({"user_id": "bob"}, {"bob"}),
        ({"q": "10.1.0.0/16", "user_id": "bob"}, {"bob"}),
        ({"created_before": "2026-01-01"}, set()),
        ({"state": "ended"}, set()),
    ],
)
def test_each_field_narrows_the_search(boss, query, users):
    assert found(boss, **query) == users


@pytest.mark.parametrize("q", [BOSS, "boss@exam", "198.51.100.1"])
def test_people_are_found_by_what_they_are_called(boss, q):
    (row,) = boss.get(f"{API}/sessions", params={"q": q}).json()["sessions"]
    assert (row["user"]["email"], row["state"]) == (BOSS, "active")
    assert found(boss, q=row["id"]) == {row["user_id"]}
    assert found(boss, q=row["user_id"]) == {row["user_id"]}


def test_the_ended_are_found_with_how_they_ended(server, boss):
    one = server.start("ada", ip="10.0.0.1")
    server.start("ada", ip="10.0.0.2")
    boss.request("DELETE", f"{API}/sessions/{one.session.id}", json={"note": "lost"})
    (row,) = boss.get(f"{API}/sessions", params={"state": "ended"}).json()["sessions"]
    assert (row["state"], row["reason"], row["note"], row["ip"]) == ("ended", "admin", "lost", "10.0.0.1")
    assert row["ended_at"] is not None
    assert len(boss.get(f"{API}/sessions", params={"state": "all", "user_id": "ada"}).json()["sessions"]) == 2


def test_pages_of_a_search_follow_each_other(server, boss):
    for n in range(7):
        server.clock.tick(hours=1)
        server.start(f"user {n}", ip="10.0.0.1")
    boss.sign_in(BOSS)
    users: list[str] = []
    after: str | None = None
    for size in (3, 3, 1):
        query = {"q": "10.0.0.1", "limit": "3"} | ({"after": after} if after else {})
        page = boss.get(f"{API}/sessions", params=query).json()
        assert len(page["sessions"]) == size
        assert (page["count"] is None) is (after is not None)
        users += [row["user_id"] for row in page["sessions"]]
        after = page["next"]
    assert users == [f"user {n}" for n in range(6, -1, -1)]
    assert after is None


def test_a_page_after_an_id_that_somebody_made_up_is_a_page(boss):
    after = "ffffffff-ffff-7fff-bfff-ffffffffffff"
    assert boss.get(f"{API}/sessions", params={"after": after}).status_code == 200
    assert boss.get("/admin/sessions", params={"after": after}).status_code == 200


@pytest.fixture
def likes(server: Guests, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Users who are all called much the same, more than one search is about; each signed in."""
    monkeypatch.setattr(where, "MOST_USERS", 120)
    monkeypatch.setattr(where, "_MOST_ENDED", 100)

    async def make() -> list[str]:
        ids = []
        for number in range(121):
            user = await server.accounts.create(f"like-{number}@example.net", None)
            await server.sessions.start(user.id)
            ids.append(user.id)
        return ids

    found: list[str] = server.run(make)
    return found


def test_a_text_that_more_users_match_than_are_searched_says_so(server, boss, likes):
    first = boss.get(f"{API}/sessions", params={"q": "like-"}).json()
    assert (len(first["sessions"]), first["count"], first["count_is"]) == (100, 120, "at_least")
    assert first["complete"]  # there is another page
    last = boss.get(f"{API}/sessions", params={"q": "like-", "after": first["next"]}).json()
    assert (len(last["sessions"]), last["next"], last["complete"]) == (20, None, False)
    assert "At least 120 sessions found" in boss.get("/admin/sessions", params={"q": "like-"}).text
    file = boss.get(f"{API}/sessions.csv", params={"q": "like-"})
    assert file.headers["x-complete"] == "false"


def test_a_text_that_many_users_match_finds_all_of_them(server, boss, likes):
    """More than a hundred, which once was all that a search looked at."""
    server.run(server.accounts.delete, likes[0])
    first = boss.get(f"{API}/sessions", params={"q": "like-"}).json()
    assert (first["count"], first["count_is"]) == (120, "exact")
    last = boss.get(f"{API}/sessions", params={"q": "like-", "after": first["next"]}).json()
    assert last["complete"]
    users = {row["user_id"] for page in (first, last) for row in page["sessions"]}
    assert users == set(likes[1:])


def test_one_of_many_who_match_is_all_that_was_asked_for(server, boss, likes):
    latest = max(likes)  # who were made in the same millisecond are in no other order than that of their ids
    assert found(boss, q="like-", user_id=latest) == {latest}


def test_one_word_does_not_end_the_sessions_of_more_than_a_hundred(server, boss, likes):
    server.run(server.accounts.delete, likes[0])
    answer = ask(boss, where={"q": "like-"})
    assert (answer.status_code, code(answer)) == (422, "body_rejected")
    assert "More than 100 users" in answer.json()["message"]


@pytest.mark.parametrize(
    "query",
    [
        {"state": "dead"},
        {"created_since": "yesterday"},
        {"q": "x" * 201},
        {"created_before": "0001-01-01"},
        {"q": "10.0.0.1", "ip": "10.0.0.2"},
        {"q": "chrome", "device": "safari"},
    ],
)
def test_what_cannot_be_searched_is_refused(boss, query):
    answer = boss.get(f"{API}/sessions", params=query)
    assert (answer.status_code, code(answer)) == (422, "body_rejected")


# ── the file ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"])
def test_no_cell_is_a_formula(cell):
    assert safe(cell) == f"'{cell}"


def test_harmless_cells_stay_as_they_are():
    assert [safe(cell) for cell in ("", "a=b", "10.0.0.1", "1-2")] == ["", "a=b", "10.0.0.1", "1-2"]


def test_a_search_as_a_file(server, boss):
    device = Device(name="Chrome", custom_name='=HYPERLINK("http://evil.test")')
    server.start("ada", ip="10.0.0.1", device=device)
    answer = boss.get(f"{API}/sessions.csv", params={"ip": "10.0.0.0/8"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    (row,) = csv.DictReader(StringIO(answer.text))
    assert (row["user_id"], row["ip"], row["state"]) == ("ada", "10.0.0.1", "active")
    assert row["device"] == '\'=HYPERLINK("http://evil.test")'
    assert acts(server)[-1] == "export-sessions"


def clicked(browser: Browser, dest: str = "document", **query: str) -> Any:
    """The link on the page of sessions, followed."""
    headers = {"sec-fetch-mode": "navigate", "sec-fetch-dest": dest}
    return browser.get(f"{API}/sessions.csv", params=query, headers=headers)


def test_a_file_of_everybody_wants_a_recent_proof(server, boss, clock):
    """And who follows the link is brought back to where it is; one that only downloads is refused."""
    server.start("ada", ip="10.0.0.1")
    clock.tick(minutes=30)
    assert code(boss.get(f"{API}/sessions.csv")) == "reauth_required"
    assert clicked(boss, "empty").status_code == 403
    asked = clicked(boss, q="ada", state="all")
    to = urlsplit(asked.headers["location"])
    assert (asked.status_code, to.path) == (303, "/confirm")
    (back,) = parse_qs(to.query)["next"]
    assert back == "/admin/sessions?q=ada&state=all&done=0-confirmed"
    assert "Confirmed. You can export now." in boss.get(back).text
    assert "export-sessions" not in acts(server)
    boss.post("/api/auth/reauthenticate", json={"password": PASSWORD})
    assert clicked(boss, q="ada").headers["content-type"] == "text/csv; charset=utf-8"


def test_who_is_no_administrator_gets_no_file(server, ada):
    assert code(ada.get(f"{API}/sessions.csv")) == "forbidden"
    assert clicked(server.browser()).headers["location"].startswith("/sign-in?next=%2Fadmin%2Fsessions")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_no_other_site_has_a_file_made(server, boss, site):
    headers = {"sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    answer = boss.get(f"{API}/sessions.csv", headers=headers)
    assert answer.status_code == 403
    assert "export-sessions" not in acts(server)
    old = {"referer": "https://evil.test/page"}  # a browser without Fetch Metadata
    script = server.script()
    script.hold(boss.token)
    assert code(script.get(f"{API}/sessions.csv", headers=old)) == "csrf_failed"
    assert script.get(f"{API}/sessions.csv").status_code == 200


def test_a_file_that_is_cut_says_so_and_where_it_goes_on(server, boss, monkeypatch):
    monkeypatch.setattr(export, "MOST", 5)
    monkeypatch.setattr(export, "_PAGE", 2)
    for number in range(7):
        server.start(f"user {number}", ip="10.0.0.1")
        server.clock.tick(seconds=1)
    first = boss.get(f"{API}/sessions.csv", params={"ip": "10.0.0.1"})
    assert first.headers["x-complete"] == "false"
    assert "sessions-not-all.csv" in first.headers["content-disposition"]
    rest = boss.get(f"{API}/sessions.csv", params={"ip": "10.0.0.1", "after": first.headers["x-next"]})
    assert (rest.headers["x-complete"], rest.headers.get("x-next")) == ("true", None)
    assert '"sessions.csv"' in rest.headers["content-disposition"]
    users = [row["user_id"] for file in (first, rest) for row in csv.DictReader(StringIO(file.text))]
    assert users == [f"user {number}" for number in reversed(range(7))]
    counts = [event.count for event in server.told(AdminActed) if event.act == "export-sessions"]
    assert counts == [5, 2]


def test_a_file_for_which_the_time_is_up_is_not_called_whole(server, boss, monkeypatch):
    monkeypatch.setattr(export, "_PAGE", 1)
    server.start("ada", ip="10.0.0.1")
    times = iter([0.0, 0.0, export._PATIENCE + 1])

    async def look() -> list[Any]:
        call: Any = SimpleNamespace(visit=SimpleNamespace(site=server.site))
        wanted = Search(query=Query(signed_in=True))
        return [found async for found in export.pages(call, wanted, after=None, stopwatch=times.__next__)]

    (found,) = server.run(look)
    assert found.next is not None


# ── revoking many ─────────────────────────────────────────────────────────────────────────────


def ask(browser: Browser, path: str = "", **body: Any) -> Any:
    given = {"reason": "offboarding"} | body if not path else body
    return browser.post(f"{API}/revoke{path}", json=given)


@pytest.fixture
def office(server: Guests, boss: Browser) -> list[UUID]:
    return [server.start(f"user {n}", ip=f"10.0.0.{n}").session.id for n in range(5)]


def living(server: Guests, ids: list[UUID]) -> int:
    async def look() -> int:
        records = [await server.sessions.store.get(id) for id in ids]
        return sum(r is not None and r.live(server.clock()) and r.held is None for r in records)

    return int(server.run(look))


def test_a_dry_run_counts_and_ends_nobody(server, boss, office):
    job = ask(boss, where={"ip": "10.0.0.0/24"}).json()
    assert (job["state"], job["expected"], job["done"]) == ("counted", 5, 0)
    assert {row["id"] for row in job["sample"]} == {str(id) for id in office}
    assert job["where"] == {"ip": "10.0.0.0/24"}
    step(server)
    assert living(server, office) == 5


def test_a_dry_run_becomes_real_with_the_same_count(server, boss, office):
    job = ask(boss, where={"ip": "10.0.0.0/24"}, note="they left").json()
    assert code(ask(boss, f"/{job['id']}/start", expected=4)) == "count_changed"
    started = ask(boss, f"/{job['id']}/start", expected=5).json()
    assert started["state"] == "running"
    step(server)
    over = boss.get(f"{API}/revoke/{job['id']}").json()
    assert (over["state"], over["done"], over["skipped"]) == ("done", 5, 0)
    assert living(server, office) == 0
    assert acts(server) == ["bulk-revoke", "bulk-revoke-done"]
    row = boss.get(f"{API}/sessions", params={"state": "ended"}).json()["sessions"][0]
    assert "offboarding: they left" in row["note"]
    assert code(ask(boss, f"/{job['id']}/start", expected=5)) == "job_over"


def test_more_than_were_counted_are_refused_with_the_new_count(server, boss, office):
    phone = Device(kind="mobile", name="Safari")
    wanted = {"device": "Safari"}
    job = ask(boss, where=wanted).json()
    assert job["expected"] == 0

    async def change() -> None:
        await server.sessions.update(office[0], device=phone)

    server.run(change)
    answer = ask(boss, f"/{job['id']}/start", expected=0)
    assert (answer.status_code, code(answer), answer.json()["count"]) == (409, "count_changed", 1)
    step(server)
    assert living(server, office) == 5


def test_who_signed_in_since_the_dry_run_is_not_meant(server, boss, office):
    job = ask(boss, where={"ip": "10.0.0.0/24"}).json()
    server.clock.tick(seconds=1)
    late = server.start("late", ip="10.0.0.9").session.id
    ask(boss, f"/{job['id']}/start", expected=5)
    step(server)
    assert living(server, [late]) == 1


def test_one_by_one_they_are_named_and_begin_at_once(server, boss, office):
    job = ask(boss, ids=[str(id) for id in office[:2]], dry_run=False).json()
    assert (job["state"], job["expected"], job["where"]) == ("running", 2, None)
    step(server)
    assert living(server, office) == 3


def test_ones_own_session_is_spared_unless_it_is_named_and_flagged(server, boss):
    (mine,) = (row["id"] for row in boss.rows())
    assert ask(boss, where={"q": BOSS}).json()["expected"] == 0
    assert ask(boss, ids=[mine]).json()["expected"] == 0
    job = ask(boss, ids=[mine], include_own=True, dry_run=False).json()
    assert job["expected"] == 1
    step(server)
    assert code(boss.get(f"{API}/stats")) == "session_revoked"


def test_administrators_can_be_spared(server, boss, office):
    other = server.browser(IPHONE)
    other.sign_up("other@example.org")
    make_admin(server, "other@example.org")
    assert ask(boss, where={}).json()["expected"] == 6
    job = ask(boss, where={}, except_administrators=True, dry_run=False, expected=5).json()
    assert job["expected"] == 5
    step(server)
    assert other.signed_in()
    assert living(server, office) == 0


def test_an_undo_brings_all_back_while_there_is_time(server, boss, office):
    job = ask(boss, where={"ip": "10.0.0.0/24"}, undo_for=60, dry_run=False, expected=5).json()
    step(server)
    held = boss.get(f"{API}/revoke/{job['id']}").json()
    assert (held["state"], held["done"]) == ("holding", 5)
    assert living(server, office) == 0
    (row, *_) = boss.get(f"{API}/sessions", params={"ip": "10.0.0.0/24"}).json()["sessions"]
    assert (row["state"], row["undo_until"]) == ("held", held["undo_until"])
    undone = ask(boss, f"/{job['id']}/undo").json()
    assert (undone["state"], undone["done"]) == ("undone", 0)
    assert living(server, office) == 5


def test_what_is_held_is_in_the_journal_at_once_and_in_no_live_number(server, boss, office):
    before = boss.get(f"{API}/stats").json()
    job = ask(boss, where={"ip": "10.0.0.0/24"}, note="CANARY", undo_for=60, dry_run=False, expected=5).json()
    step(server)
    journal(server)
    during = boss.get(f"{API}/stats").json()
    assert (before["sessions"] - during["sessions"], before["users"] - during["users"]) == (5, 5)
    assert during["revoked_today"] == before["revoked_today"]  # that is counted when it is final
    query = {"name": "session-held", "show": "personal"}
    lines = boss.get(f"{API}/journal", params=query).json()["lines"]
    assert {line["session_id"] for line in lines} == {str(id) for id in office}
    for line in lines:
        assert line["facts"]["undo_for"] == 60
        assert line["personal"]["note"].startswith("offboarding: CANARY (bulk ")
        assert "CANARY" not in str(line["facts"])
    (begun,) = boss.get(f"{API}/journal", params={"name": "admin-action", "show": "personal"}).json()[
        "lines"
    ][-1:]
    assert begun["facts"]["act"] == "bulk-revoke"
    assert ask(boss, f"/{job['id']}/undo").status_code == 200
    after = boss.get(f"{API}/stats").json()
    assert (after["sessions"], after["users"]) == (before["sessions"], before["users"])
    journal(server)
    restored = boss.get(f"{API}/journal", params={"name": "session-restored"}).json()["lines"]
    assert {line["session_id"] for line in restored} == {str(id) for id in office}


def test_after_its_time_nothing_is_undone(server, boss, office):
    job = ask(boss, where={"ip": "10.0.0.0/24"}, undo_for=60, dry_run=False, expected=5).json()
    step(server)
    server.clock.tick(seconds=60)
    answer = ask(boss, f"/{job['id']}/undo")
    assert (answer.status_code, code(answer)) == (409, "undo_expired")
    step(server)
    assert boss.get(f"{API}/revoke/{job['id']}").json()["state"] == "done"
    assert living(server, office) == 0


def test_only_the_session_that_began_it_undoes_it(server, boss, office):
    job = ask(boss, where={"ip": "10.0.0.0/24"}, undo_for=60, dry_run=False, expected=5).json()
    step(server)
    elsewhere = server.browser(IPHONE)
    elsewhere.sign_in(BOSS)
    answer = ask(elsewhere, f"/{job['id']}/undo")
    assert (answer.status_code, code(answer)) == (404, "not_found")
    assert living(server, office) == 0


def test_only_the_session_that_counted_starts_it(server, boss, office):
    """Its name would be written on it, and its own session would be spared."""
    job = ask(boss, where={"ip": "10.0.0.0/24"}).json()
    elsewhere = server.browser(IPHONE)
    elsewhere.sign_in(BOSS)
    assert ask(elsewhere, f"/{job['id']}/start", expected=5).status_code == 404
    step(server)
    assert living(server, office) == 5


def test_more_people_than_one_search_is_about_are_not_revoked_in_part(server, boss):
    async def enrol() -> None:
        for n in range(101):
            user = User(id=f"user {n}", email=f"{n}@evil.example", name="", created_at=server.clock())
            await server.accounts.store.insert(user)

    server.run(enrol)
    answer = ask(boss, where={"q": "@evil.example"})
    assert (answer.status_code, code(answer)) == (422, "body_rejected")
    assert "100 users" in answer.json()["detail"]
    assert ask(boss, where={"q": "@evil.example", "user_id": "user 7"}).status_code == 422


def test_cancel_leaves_what_has_not_ended_yet(server, boss, office):
    job = ask(boss, where={"ip": "10.0.0.0/24"}, dry_run=False, expected=5).json()
    assert ask(boss, f"/{job['id']}/cancel").json()["state"] == "cancelled"
    step(server)
    assert living(server, office) == 5
    assert code(ask(boss, f"/{job['id']}/cancel")) == "job_over"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"where": {}, "ids": ["0" * 32]},
        {"where": {"state": "ended"}},
        {"where": {"nation": "DE"}},
        {"where": {"created_since": "2026-01-31T12:00:00"}},
        {"where": {}, "dry_run": False},
        {"where": {}, "undo_for": 601},
        {"where": {}, "reason": "spite"},
        {"where": {}, "note": "x" * 201},
        {"ids": []},
    ],
)
def test_what_is_not_clear_is_refused(boss, body):
    answer = ask(boss, **body)
    assert (answer.status_code, code(answer)) == (422, "body_rejected")


@pytest.mark.parametrize("path", ["", "/0190a000-0000-7000-8000-000000000000/start"])
def test_revoking_many_asks_for_a_fresh_sign_in(server, boss, path):
    server.clock.tick(minutes=10)
    answer = ask(boss, path, where={}) if not path else ask(boss, path, expected=0)
    assert (answer.status_code, code(answer)) == (403, "reauth_required")


@pytest.mark.parametrize("id", ["nonsense", "0190a000-0000-7000-8000-000000000000"])
def test_a_job_that_is_not_there_is_not_found(boss, id):
    assert code(boss.get(f"{API}/revoke/{id}")) == "not_found"


def test_jobs_are_listed_the_latest_first(server, boss, office):
    ids = [
        ask(boss, where={"ip": f"10.0.0.{n}"}).json()["id"] for n in range(3) if server.clock.tick(seconds=1)
    ]
    page = boss.get(f"{API}/revoke", params={"limit": "2"}).json()
    assert [job["id"] for job in page["jobs"]] == ids[:0:-1]
    last = boss.get(f"{API}/revoke", params={"after": page["next"]}).json()
    assert [job["id"] for job in last["jobs"]] == ids[:1]


class TestWithoutAJournal:
    @pytest.fixture
    def server(self, open_server: Any) -> Guests:
        opened: Guests = open_server(journal="off")
        return opened

    @pytest.mark.parametrize("path", ["revoke", "series", "heatmap", "journal", "histogram"])
    def test_what_needs_it_is_refused_with_the_reason(self, boss, path):
        answer = boss.get(f"{API}/{path}")
        assert (answer.status_code, code(answer)) == (409, "journal_off")
        assert "SOJOURN_JOURNAL" in answer.json()["message"]

    def test_one_session_and_one_user_can_be_revoked_all_the_same(self, server, boss, office):
        assert code(ask(boss, where={})) == "journal_off"
        assert boss.request("DELETE", f"{API}/sessions/{office[0]}").status_code == 200
        assert living(server, office) == 4

    def test_the_numbers_that_need_it_are_null(self, boss):
        stats = boss.get(f"{API}/stats").json()
        assert (stats["sessions"], stats["created_today"], stats["refresh"], stats["alerts_open"]) == (
            *(1, None),
            *(None, None),
        )


# ── what happened ─────────────────────────────────────────────────────────────────────────────


def test_the_overview_says_what_happened_today(server, boss, office):
    server.clock.tick(days=1, minutes=1)
    boss.sign_in(BOSS)  # in the session that there is
    boss.get(f"{API}/stats")
    server.start("new")
    boss.request("DELETE", f"{API}/sessions/{office[0]}")
    journal(server)
    stats = boss.get(f"{API}/stats").json()
    assert (stats["created_today"], stats["revoked_today"], stats["ended_today"]) == (1, 1, 1)
    assert stats["created_before"] == 6
    assert stats["approximate"] == []
    assert stats["devices_each"] == round(stats["sessions"] / stats["users"], 1)


def test_series_are_counted_by_label_and_compared(server, boss, office):
    journal(server)
    query = {"metric": "created", "step": "hour", "compare": "previous"}
    query |= {"from": "2026-03-02T09:00:00Z", "to": "2026-03-02T12:00:00Z"}
    answer = boss.get(f"{API}/series", params=query).json()
    assert answer["labels"] == ["other", "pwd"]
    assert [point["values"]["other"] for point in answer["points"]] == [5, None, None]
    assert len(answer["before"]) == 3
    assert answer["summary"].startswith("6 in all; most, 6 in the hour from 2026-03-02 09:00 UTC.")


@pytest.mark.parametrize(
    "query",
    [
        {"metric": "salary"},
        {"step": "second"},
        {"from": "2026-01-01", "to": "2025-01-01"},
        {"from": "2000-01-01", "step": "minute"},
        {"to": "0001-01-01"},
        {"from": "0001-01-02", "to": "0003-01-01", "step": "day", "compare": "previous"},
        {"compare": "now"},
    ],
)
def test_a_series_that_cannot_be_is_refused(boss, query):
    assert code(boss.get(f"{API}/series", params=query)) == "body_rejected"


def test_durations_and_devices_as_histograms(server, boss, office):
    server.start("user 0", ip="10.0.0.9", device=Device(id="another"))
    server.clock.tick(minutes=4)
    boss.request("DELETE", f"{API}/sessions/{office[1]}")
    journal(server)
    durations = boss.get(f"{API}/histogram").json()
    assert (durations["of"], durations["buckets"][1]) == (1, {"up_to": 300, "count": 1})
    devices = boss.get(f"{API}/histogram", params={"metric": "devices"}).json()
    assert (devices["of"], devices["approximate"]) == (5, False)
    assert devices["buckets"][:2] == [{"up_to": 1, "count": 4}, {"up_to": 2, "count": 1}]


def test_the_heatmap_is_a_week_of_hours_where_people_live(server, boss):
    heat = boss.get(f"{API}/heatmap", params={"zone": "Europe/Berlin"}).json()
    assert [len(row) for row in heat["cells"]] == [24] * 7
    assert heat["most"] == max(max(row) for row in heat["cells"])
    for zone in ("Mars/Olympus", "../etc/passwd", ""):
        assert code(boss.get(f"{API}/heatmap", params={"zone": zone})) == "body_rejected"


def test_the_journal_shows_what_is_personal_only_if_that_is_asked_for_and_written_down(server, boss):
    session = server.start("ada", ip="10.9.8.7").session
    journal(server)
    answer = boss.get(f"{API}/sessions/{session.id}/journal")
    (line,) = answer.json()["lines"]
    assert (line["name"], line["user_id"]) == ("session-established", "ada")
    assert line["personal"]["ip"] == "•••"
    assert "10.9.8.7" not in answer.text
    assert acts(server) == []
    shown = boss.get(f"{API}/journal", params={"user_id": "ada", "show": "personal"}).json()
    assert shown["lines"][0]["personal"]["ip"] == "10.9.8.7"
    (event,) = (event for event in server.events if isinstance(event, AdminActed))
    assert (event.act, event.target, event.count) == ("show-personal", "ada", 1)


def test_the_journal_by_name_and_page(server, boss, office):
    journal(server)
    query = {"name": "session-established", "limit": "4"}
    page = boss.get(f"{API}/journal", params=query).json()
    assert len(page["lines"]) == 4
    rest = boss.get(f"{API}/journal", params=query | {"after": page["next"]}).json()
    assert (len(rest["lines"]), rest["next"]) == (2, None)
    places = [line["place"] for line in (*page["lines"], *rest["lines"])]
    assert places == sorted(places, reverse=True)
    assert code(boss.get(f"{API}/journal", params={"after": "x"})) == "body_rejected"


# ── acting as a user ──────────────────────────────────────────────────────────────────────────


@pytest.fixture
def ada_id(server: Guests) -> str:
    browser = server.browser(FIREFOX)
    assert browser.sign_up(ADA).status_code == 201
    return str(browser.get("/api/auth/sessions/current").json()["user"]["id"])


def act_as(browser: Browser, user_id: str, **body: Any) -> Any:
    return browser.post(f"{API}/impersonate", json={"user_id": user_id, "reason": "ticket 7"} | body)


def test_an_administrator_acts_as_a_user_for_a_while_and_it_is_written_down(server, boss, ada_id):
    answer = act_as(boss, ada_id, minutes=5)
    assert answer.status_code == 200, answer.text
    assert answer.json()["user"]["email"] == ADA
    assert answer.json()["session"]["impersonated"]
    began, ends = answer.json()["session"]["created_at"], answer.json()["session"]["ends_at"]
    assert (began[14:16], ends[14:16]) == ("00", "05")
    (event,) = (event for event in server.events if isinstance(event, AdminActed))
    assert (event.act, event.target, event.note) == ("impersonate", ada_id, "ticket 7")
    stopped = boss.post(f"{API}/impersonate/stop")
    assert stopped.json()["user"]["email"] == BOSS
    assert acts(server) == ["impersonate", "impersonate-stop"]
    assert boss.get(f"{API}/stats").status_code == 200


def test_acting_never_lasts_longer_than_the_policy_has_it(server, boss, ada_id):
    limit = server.sessions.policy.impersonate_for
    session = act_as(boss, ada_id, minutes=24 * 60).json()["session"]
    assert session["ends_at"] == instant(server.clock() + limit)
    server.clock.tick(seconds=limit.total_seconds())
    assert boss.get("/api/auth/sessions/current").status_code == 401


@pytest.mark.parametrize("body", [{"reason": ""}, {"reason": "   "}, {"minutes": 0}, {"reason": None}])
def test_nobody_acts_without_a_reason_or_a_limit(boss, ada_id, body):
    assert code(act_as(boss, ada_id, **body)) == "body_rejected"


def test_nobody_acts_as_an_administrator_or_somebody_unknown(server, boss, ada_id):
    make_admin(server, ADA)
    assert code(act_as(boss, ada_id)) == "forbidden"
    assert code(act_as(boss, "nobody")) == "not_found"
    assert acts(server) == []


def test_who_acts_has_no_power_of_an_administrator(boss, ada_id):
    act_as(boss, ada_id)
    assert code(boss.get(f"{API}/stats")) == "forbidden"
    assert code(act_as(boss, ada_id)) in ("forbidden", "reauth_required")


def test_acting_asks_for_a_fresh_sign_in(server, boss, ada_id):
    server.clock.tick(minutes=10)
    assert code(act_as(boss, ada_id)) == "reauth_required"


def test_who_has_to_sign_in_again_is_fresh_nowhere(server, boss, ada_id):
    ada = server.browser(IPHONE)
    ada.sign_in(ADA)
    answer = boss.post(f"{API}/users/{ada_id}/require-sign-in", json={"note": "phished"})
    assert answer.json() == {"count": 2}
    assert ada.signed_in()
    assert code(ada.post("/api/auth/sessions/revoke-all")) == "reauth_required"
    ada.post("/api/auth/reauthenticate", json={"password": PASSWORD})
    assert ada.post("/api/auth/sessions/revoke-all").status_code == 200
    assert acts(server) == ["require-sign-in"]
