"""Files damaged at random: the right prices, or one line that says where and what to do. Never a traceback.

`PRICE_FILE_MUTATIONS=20000 pytest tests/unit/pipelines/sources/test_csv_mutations.py -s` tries as many of them.
"""

import os
import random
import re
from collections import Counter
from pathlib import Path

import numpy as np

from forecast.cli.commands.fetch import command
from pipelines.errors import ForecastError
from pipelines.market.types import Bars
from pipelines.sources.csv import source
from tests.helpers.price_files import SHAPES
from tests.siege.mutations import spoiled

OPTIONS = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}


def test_a_damaged_file_is_read_right_or_refused_in_one_line_that_helps(tmp_path: Path) -> None:
    count, outcomes = int(os.environ.get("PRICE_FILE_MUTATIONS", "150")), Counter[str]()
    rng = random.Random(20240102)
    path = tmp_path / "f.csv"
    for number in range(count):
        name = rng.choice(list(SHAPES))
        text, options = SHAPES[name]
        content = spoiled(rng, text)
        path.write_bytes(content)
        try:
            prices = source.read("ACME", files=[path], **options).prices
        except ForecastError as error:
            message = str(error)
            assert "\n" not in message, (number, name, message)
            assert message.isprintable(), (number, name, message)
            assert len(message) < 700, (number, name, message)
            unknown = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", message)) - OPTIONS
            assert not unknown, (number, name, message)
            assert not re.search(r"accept the loss|--max-dropped \d", message), (number, name, message)
            outcomes["refused"] += 1
        else:
            assert len(prices), (number, name)
            outcomes["read"] += 1
            if isinstance(prices, Bars):
                assert np.all(prices.opened_at >= np.datetime64("1800-01-01")), (number, name, content)
                assert np.all(prices.opened_at <= np.datetime64("2200-01-01")), (number, name, content)
    print(f"\n{count:,} damaged files: {outcomes['read']:,} read, {outcomes['refused']:,} refused in one line")
    assert sum(outcomes.values()) == count
    assert min(outcomes["read"], outcomes["refused"]) > count / 10
