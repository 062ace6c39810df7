"""The headers of a request: kept as bytes, read as text when somebody asks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

__all__ = ["Headers", "Raw", "named"]

Raw = tuple[bytes, bytes]


def named(sent: Collection[Raw]) -> dict[bytes, bytes]:
    """The headers *sent* by name, which is in lower case; the values of one name are joined."""
    found = dict(sent)
    return found if len(found) == len(sent) else _joined(sent)


def _joined(sent: Iterable[Raw]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for name, value in sent:
        between = b"; " if name == b"cookie" else b", "
        found[name] = found[name] + between + value if name in found else value
    return found


class Headers(Mapping[str, str]):
    """The same as text."""

    def __init__(self, raw: Mapping[bytes, bytes]) -> None:
        self._raw = raw

    def __getitem__(self, name: str) -> str:
        return self._raw[name.encode("latin-1", "replace")].decode("latin-1")

    def get(self, name: str, default: Any = None) -> Any:
        """Spelt out, because the one of `Mapping` raises and catches an error for each that is not there."""
        found = self._raw.get(name.encode("latin-1", "replace"))
        return default if found is None else found.decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self._raw)

    def __len__(self) -> int:
        return len(self._raw)
