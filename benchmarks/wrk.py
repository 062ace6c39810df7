"""The same load from `wrk`, where the machine has it: it takes less of the other core than we do."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from math import ceil
from pathlib import Path

import msgspec

from benchmarks.load import AGENT, Tally

__all__ = ["command", "load"]

# A thread has a Lua state of its own, and one thread sends for all connections in turn.
_SCRIPT = """
local cookies, turn = {%s}, 0
wrk.headers["User-Agent"] = "%s"
wrk.headers["Sec-Fetch-Site"] = "same-origin"
request = function()
  turn = turn %% #cookies + 1
  wrk.headers["Cookie"] = cookies[turn]
  return wrk.format("GET", "/me")
end
done = function(summary, latency, requests)
  local quantiles = {}
  for percent = 0, 99 do quantiles[#quantiles + 1] = latency:percentile(percent == 0 and 0.1 or percent) end
  local errors = summary.errors
  io.write("\\n{\\"requests\\":" .. summary.requests .. ",\\"microseconds\\":" .. summary.duration
    .. ",\\"bad\\":" .. (errors.status + errors.connect + errors.read + errors.write + errors.timeout)
    .. ",\\"quantiles\\":[" .. table.concat(quantiles, ",") .. "]}\\n")
end
"""


class _Said(msgspec.Struct):
    requests: int
    microseconds: float
    bad: int
    quantiles: list[float]  # microseconds, of 0, 1 … 99 per cent


def command(
    port: int, cookies: Sequence[str], seconds: float, connections: int, folder: Path
) -> Sequence[str]:
    """How it is started, with its script in *folder*. The last line that it prints is JSON."""
    script = Path(folder, "me.lua")
    script.write_text(_SCRIPT % (", ".join(f'"{cookie}"' for cookie in cookies), AGENT))
    return [
        *("wrk", f"-c{connections}", "-t1", f"-d{max(1, ceil(seconds))}s", "--timeout=60s", f"-s{script}"),
        f"http://127.0.0.1:{port}/me",
    ]


async def load(port: int, cookies: Sequence[str], seconds: float, connections: int) -> Tally:
    """Its `taken` repeats the quantiles, so that their number is that of the requests."""
    with tempfile.TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            *command(port, cookies, seconds, connections, Path(folder)), stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
    said = msgspec.json.decode(output.splitlines()[-1], type=_Said)
    times, rest = divmod(said.requests, len(said.quantiles))
    taken = [quantile / 1e6 for quantile in said.quantiles for _ in range(times)]
    return Tally(taken + taken[-1:] * rest, seconds=said.microseconds / 1e6, bad=said.bad)
