"""`forecast ARGUMENTS` as a process at a moment that is named, with a Yahoo on this machine.

python -m tests.helpers.evening_process MOMENT ADDRESS ARGUMENTS
"""

import sys

import numpy as np
import yfinance

from forecast.__main__ import run
from forecast.api import prices
from forecast.cli.commands import signal
from pipelines.sources.yahoo.client import Client, RetryPolicy
from tests.helpers.fake_yahoo import FakeYahoo


def main(moment: str, address: str, *arguments: str) -> int:
    """The exit code of the command."""
    now = np.datetime64(moment, "ns")
    yfinance.set_tz_cache_location(arguments[arguments.index("--data-dir") + 1])
    patience = RetryPolicy(sleep=lambda _: None, pause=0, attempts=2)
    prices.new_client = lambda: Client(session=FakeYahoo(base=address).session(), patience=patience)
    signal.now = lambda: now
    return run(list(arguments))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
