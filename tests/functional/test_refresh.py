"""What `forecast signal` does for the store before it looks at it. No network library is loaded."""

from functools import partial

import numpy as np
import pytest
import yfinance

from forecast.api import newest_prices, prices
from forecast.config.experiment import Experiment
from forecast.workspace import Workspace
from pipelines.sources.yahoo.client import Client, RetryPolicy
from pipelines.store import provenance
from pipelines.store.store import Store
from tests.helpers.command_line import forecast
from tests.helpers.fake_yahoo import FakeYahoo, chart, serving

LATER = np.datetime64("2024-02-01T00:00", "ns")


@pytest.fixture
def fake(tmp_path, monkeypatch):
    yfinance.set_tz_cache_location(str(tmp_path / "yfinance"))
    with serving(FakeYahoo(charts={"AAA": chart([10, 11])})) as fake:
        patience = RetryPolicy(sleep=lambda _: None, pause=0, attempts=2)
        monkeypatch.setattr(prices, "new_client", lambda: Client(session=fake.session(), patience=patience))
        yield fake


def bring(folder, **experiment):
    workspace = Workspace(data_dir=folder / "data", reports_dir=folder)
    return partial(
        newest_prices.refresh,
        workspace,
        Store(workspace.store),
        Experiment(**{"symbol": "AAA", **experiment}),
        client=prices.new_client(),
    )


def test_what_is_missing_is_fetched_from_where_the_series_came_from(fake, tmp_path):
    assert forecast(tmp_path, "fetch", "AAA") == 0
    fake.charts["AAA"] = chart([10, 11, 12, 13])
    assert bring(tmp_path)(now=LATER) == "Fetched AAA up to 2024-01-05 from Yahoo."
    assert Store(tmp_path / "data" / "store").read_bars("AAA").close.tolist() == [10, 11, 12, 13]


def test_nothing_is_asked_while_no_further_session_has_closed(fake, tmp_path):
    assert forecast(tmp_path, "fetch", "AAA") == 0
    requests = len(fake.paths)
    assert bring(tmp_path)(now=np.datetime64("2024-01-04T21:29", "ns")) == ""  # New York closes at 21:00 UTC
    assert len(fake.paths) == requests
    assert "Fetched AAA up to 2024-01-03" in bring(tmp_path)(now=np.datetime64("2024-01-04T21:30", "ns"))
    assert len(fake.paths) > requests


@pytest.mark.parametrize("fault", ["status 500", "status 429", "html"])
def test_without_an_answer_it_says_so_and_goes_on_with_what_is_stored(fake, tmp_path, fault):
    assert forecast(tmp_path, "fetch", "AAA") == 0
    fake.always = fault
    assert bring(tmp_path)(now=LATER).endswith("Going on with what is stored.")
    assert len(Store(tmp_path / "data" / "store").read_bars("AAA")) == 2


def test_a_source_without_news_and_an_unknown_one_are_said(tmp_path):
    assert forecast(tmp_path, "fetch", "IBM", "ES", "--source", "sample") == 0
    assert "IBM came from the sample, which has nothing newer" in bring(tmp_path, symbol="IBM")(now=LATER)
    assert "ES came from the sample" in bring(tmp_path, symbol="ES", bars="tick:500")(now=LATER)
    assert "Not known where the prices of FB came from" in bring(tmp_path, symbol="FB")(now=LATER)
    for path in (tmp_path / "data" / "origins").iterdir():
        path.write_text("[]")
    assert "Not known where the prices of IBM came from" in bring(tmp_path, symbol="IBM")(now=LATER)


def test_the_calendar_that_was_asked_for_is_asked_for_again(tmp_path):
    provenance.remember(tmp_path, "aaa", "1h", source="yahoo", calendar="XLON", max_dropped=None)
    assert provenance.recall(tmp_path, "AAA", "1h") == {"source": "yahoo", "calendar": "XLON"}
    assert provenance.recall(tmp_path, "AAA", "1d") is None
