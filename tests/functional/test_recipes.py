"""The recipes of docs/recipes.md that need light packages only, run as they stand there."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import forecast as fc
from tests.helpers.foreign_forecasts import market

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")


def recipe(heading: str) -> str:
    """The first block of Python below a heading."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)[0]


@pytest.fixture
def prices(tmp_path, monkeypatch):
    """A folder to work in, with prices.csv."""
    monkeypatch.chdir(tmp_path)
    raw = market(500).raw
    columns = {name: getattr(raw, name) for name in ("open", "high", "low", "close", "volume")}
    frame = pd.DataFrame(columns, index=pd.DatetimeIndex(raw.closed_at, name="date").normalize())
    frame.to_csv("prices.csv")
    return frame


def test_the_recipe_of_scikit_learn_ends_with_a_verdict_and_a_page(prices, tmp_path):
    names: dict = {}
    exec(recipe("scikit-learn"), names)
    assert names["result"].verdict.skill.answer == "inconclusive"
    assert len(list((tmp_path / "reports").glob("ACME-1d-judged-*.html"))) == 1


def test_the_recipe_of_a_moving_average_is_a_predictor(prices, tmp_path):
    Path("my_rules.py").write_text(recipe("A moving-average rule"))
    result = fc.judge(None, "ACME", predictor="my_rules:moving_average", bars=prices, progress=False)
    assert result.run.certificate()["unverifiable"] == ["what the model “moving_average” learned from"]


def test_the_recipe_of_statsforecast_is_dated_by_its_cutoff(prices):
    pytest.importorskip("statsforecast")
    names = {"pd": pd, "returns": np.log(prices["close"]).diff()}
    exec(recipe("statsforecast").replace("1000", "60"), names)
    result = fc.judge("cv.parquet", "AAPL", bars=prices, progress=False)
    assert set(result.run.predictions()["model"]) >= {"judged:AR1", "judged:mean20"}


def test_a_frame_as_darts_gives_it_is_dated_by_its_target(prices):
    returns = np.log(prices["close"]).diff()
    frame = returns.rolling(5).mean().shift(1).iloc[200:300].to_frame("nbeats").rename_axis("date")
    reading = fc.JudgeConfig(dated_by="target", values="score")
    result = fc.judge(frame, "ACME", bars=prices, reading=reading, progress=False)
    decided = result.run.predictions().query("model == 'judged:nbeats'")["decided_at"]
    assert decided.iloc[0].date() == prices.index[199].date()
