"""Which process this is, known without asking the kernel: to ask takes as long as to read a row.

A forked child must neither use nor close what its parent holds, so what is held is held by process.
"""

from __future__ import annotations

import os

__all__ = ["id"]

id = os.getpid()


def _look() -> None:
    global id
    id = os.getpid()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_look)
