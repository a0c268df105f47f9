"""A Yahoo that answers anything: what is stored are the right prices, or nothing."""

import copy
import json
import random
from functools import partial
from pathlib import Path
from typing import Any

from tests.helpers.fake_yahoo import FakeYahoo, chart, serving
from tests.siege.damage import edit_json
from tests.siege.oracle import DONE, REFUSED, fault
from tests.siege.processes import command, forked
from tests.siege.results import Result

CLOSE: list[float | None] = [50.0 + day % 7 for day in range(60)]
FAULTS = ("status 500", "status 404", "status 429 1", "status 401", "html", "truncated", "slow", "status 302")


class HostileYahoo(FakeYahoo):
    """Answers with the whole of what it has where no time can be cut out of it."""

    def answer(self, path: str) -> tuple[int, bytes, dict[str, str], str]:
        try:
            return super().answer(path)
        except (TypeError, KeyError, IndexError, AttributeError):
            return 200, json.dumps(self.charts["XYZ"]).encode(), {}, ""


def case(rng: random.Random, reference: Path, place: Path) -> Result:
    body = chart(CLOSE, splits={"2024-02-01": 2}, dividends={"2024-01-10": 0.5})
    right = copy.deepcopy(body)
    what = rng.choice(["fault", "edited", "edited", "edited", "spoiled prices", "times", "huge"])
    faults: list[str] = []
    if what == "fault":
        faults = [rng.choice(FAULTS) for _ in range(rng.randrange(1, 4))]
    elif what == "edited":
        edit_json(rng, body)
    elif what == "spoiled prices":
        quote = body["chart"]["result"][0]["indicators"]["quote"][0]
        values = list(quote[name := rng.choice(list(quote))])
        values[rng.randrange(len(values))] = rng.choice([-1, 0, 1e300, "7", None, [], float("nan")])
        quote[name] = values
    elif what == "times":
        stamps = body["chart"]["result"][0]["timestamp"]
        stamps[rng.randrange(len(stamps))] = rng.choice([0, -1, 2**62, 1e30, None, "x", stamps[0], 3_345_000_000])
    else:
        body["chart"]["result"] = body["chart"]["result"] * 1_000
    fake = HostileYahoo(charts={"XYZ": body}, faults=faults)
    with serving(fake):
        outcome = forked(partial(_fetch, fake.base, place), place, timeout=60)
        reason = fault(outcome, codes=(DONE, REFUSED))
        rows = command(place, "data", "show", "XYZ", "--rows", "100", "--json")
        if not reason and outcome.code == DONE:
            reason = fault(rows, codes=(DONE,)) or _differs(rows.out, right, what)
        elif not reason and rows.code == DONE:
            reason = f"refused, and stored all the same: {outcome.err[:300]}"
    return Result(
        what=f"{what} {' '.join(faults)}".strip(), answer="refused" if outcome.code else "stored", fault=reason
    )


def _fetch(base: str, place: Path) -> int:
    """`forecast fetch XYZ` from that Yahoo; a client that does not wait long."""
    import yfinance

    from forecast.__main__ import run
    from forecast.api import prices
    from pipelines.sources.yahoo.client import Client, RetryPolicy

    yfinance.set_tz_cache_location(str(place / "yfinance"))
    patience = RetryPolicy(sleep=lambda _: None, pause=0, attempts=3, timeout=2.0)
    prices.new_client = lambda: Client(session=FakeYahoo(base=base).session(), patience=patience)
    return run(["--data-dir", str(place / "data"), "fetch", "XYZ", "--end", "2024-12-31"])


def _differs(answer: str, right: dict[str, Any], what: str) -> str:
    """Closes that were in no answer: each stored one is among the right ones, in shares of then or of now."""
    if what == "edited":  # whatever the answer says is what is right
        return ""
    closes = {round(float(value), 6) for value in right["chart"]["result"][0]["indicators"]["quote"][0]["close"]}
    stored = [row["close"] for row in json.loads(answer)["rows"]]
    strange = [close for close in stored if not {round(close, 6), round(close / 2, 6)} & closes]
    return f"stored closes that no answer had: {strange[:5]}" if strange else ""
