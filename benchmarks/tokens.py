"""Access tokens: what one costs to make, at its first sight, and from then on.

Microseconds of CPU, medians of rounds that take turns. The bare row is what every verifier has to pay: one
verification of the signature by `cryptography`.
"""

from __future__ import annotations

import asyncio
import time
from argparse import ArgumentParser
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Sequence
from statistics import median
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks.figures import table
from benchmarks.processes import stand_aside
from sojourn import AsyncSessions, Policy, access_ring, open_store
from sojourn.access import ALGORITHMS, Algorithm
from sojourn.issuer import Issuer, Terms
from sojourn.sessions import utc_now
from sojourn.testing import make_keys

__all__ = ["main"]

ORIGIN = "https://good.test"
Call = Callable[[], Awaitable[Any]]


def main(arguments: Sequence[str] = ()) -> None:
    parser = ArgumentParser(prog="python -m benchmarks tokens", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=200, help="in one round")
    given = parser.parse_args(arguments)
    stand_aside()
    figures = asyncio.run(_measured(given.rounds, given.calls))
    rows = [(algorithm, *(f"{figures[algorithm, what]:.1f}" for what in _WHAT)) for algorithm in ALGORITHMS]
    print(table(("algorithm", *_WHAT), rows))


_WHAT = ("make", "bare signature", "first sight", "seen before", "validate", "refresh")


async def _measured(rounds: int, calls: int) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], list[float]] = {}
    ready = {algorithm: await _calls(algorithm) for algorithm in ALGORITHMS}
    for _ in range(rounds):
        for algorithm, named in ready.items():
            for what, call in named.items():
                began = time.process_time()
                for _ in range(calls):
                    await call()
                spent = (time.process_time() - began) / calls * 1e6
                found.setdefault((algorithm, what), []).append(spent)
    return {key: median(values) for key, values in found.items()}


async def _calls(algorithm: Algorithm) -> dict[str, Call]:
    sessions = AsyncSessions(open_store("memory://"), keys=make_keys(), policy=Policy())
    sessions.activity.waits = True
    signers = access_ring.parse(access_ring.generate(utc_now()))

    async def terms(session: Any) -> Terms:
        return Terms(algorithm=algorithm)

    issuer = Issuer(sessions, signers, url=ORIGIN, terms_of=terms)
    issued = await sessions.start("ada", bearer=True)
    text = (await issuer.issue(issued.session)).text
    await sessions.feed.poll()
    held = {"token": issued.token}

    async def first() -> None:
        issuer._read.clear()
        issuer.read(text)

    async def again() -> None:
        issuer.read(text)

    async def validate() -> None:
        if sessions.feed.due(sessions.clock()):
            await sessions.feed.poll()
        await sessions.admit(text, issuer.read(text))

    async def refresh() -> None:
        held["token"] = (await sessions.refresh(held["token"], bearer=True)).token

    async def bare() -> None:
        _check(algorithm, signers, text)

    async def make() -> None:
        await issuer.issue(issued.session)

    return dict(zip(_WHAT, (make, bare, first, again, validate, refresh), strict=True))


def _check(algorithm: Algorithm, signers: Any, text: str) -> None:
    """The signature alone, as `cryptography` checks it."""
    signed, _, last = text.rpartition(".")
    signature = urlsafe_b64decode(last + "=" * (-len(last) % 4))
    public = _public(algorithm, signers)
    if algorithm == "RS256":
        public.verify(signature, signed.encode(), padding.PKCS1v15(), SHA256())
    elif algorithm == "ES256":
        r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        public.verify(encode_dss_signature(r, s), signed.encode(), ec.ECDSA(SHA256()))
    else:
        public.verify(signature, signed.encode())


_publics: dict[tuple[int, str], Any] = {}


def _public(algorithm: Algorithm, signers: Any) -> Any:
    slot = id(signers), algorithm
    if slot not in _publics:
        _publics[slot] = signers.key(signers.signing(algorithm)).get_op_key("verify")
    return _publics[slot]
