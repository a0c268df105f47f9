"""A whole run folder on made-up prices, as `forecast train` and `forecast backtest` leave one."""

import hashlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecast.config.trading import Costs
from forecast.runs.catalog import set_latest
from forecast.runs.io import write_json, write_parquet
from forecast.runs.run import Run
from forecast.runs.saved_backtests import Backtest
from forecast.statistics.summary import summarise
from forecast.trading.ledgers import ledger_frame, trade_frame
from forecast.trading.simulator import Ledger, trade

NETWORKS = ("simple_rnn", "lstm")
POLICY = {"policy": "long-flat", "band": 0.0, "fee_bps": 1.0, "slippage_bps": 2.0}


def build_run(
    runs: Path,
    *,
    name: str = "20260301-120000-aapl-1d",
    symbol: str = "AAPL",
    bars: int = 1500,
    folds: int = 6,
    seeds: int = 3,
    edge: float = 0.0,
    interval: str = "1d",
    networks: tuple[str, ...] = NETWORKS,
    backtest: str | None = "default",
    rng_seed: int = 0,
) -> Run:
    """A finished run with one backtest. edge: how strongly the probabilities know the next return, 0 is not at all."""
    rng = np.random.default_rng(rng_seed)
    run = Run(runs / name)
    prices = _bars(bars, symbol=symbol, interval=interval, rng=rng)
    plan = _folds(prices, folds=folds)
    predictions = _predictions(prices, plan, seeds=seeds, networks=networks, edge=edge, rng=rng)
    write_parquet(run.folder / "bars.parquet", prices)
    write_parquet(run.folder / "predictions.parquet", predictions)
    checked = _predictions(
        prices, plan, seeds=seeds, networks=networks, edge=edge, rng=np.random.default_rng(rng_seed + 1),
        part="validation",
    )  # fmt: skip
    write_parquet(run.folder / "validation.parquet", checked)
    write_parquet(run.folder / "history.parquet", _history(folds=folds, seeds=seeds, networks=networks, rng=rng))
    write_json(run.folder / "run.json", _describe(run, prices, plan, seeds=seeds, interval=interval, networks=networks))
    if backtest:
        save_backtest(run, backtest, bars_per_year=252.0 if interval == "1d" else 252.0 * 390)
    set_latest(runs, run)
    return run


def save_backtest(run: Run, name: str, *, bars_per_year: float) -> None:
    """Long where the probability is above one half, flat where not; every member, and the two simple rivals."""
    predictions, prices = run.predictions(), run.bars()
    decided = predictions.groupby("decided_at").size().index
    first = int(prices["closed_at"].searchsorted(decided[0])) + 1
    last = int(prices["closed_at"].searchsorted(decided[-1])) + 1
    traded = prices.iloc[first : last + 2]
    ledgers, signals = [], []
    for (model, member), chance in _members(predictions).items():
        position = (chance.to_numpy() > 0.5).astype(float)
        ledgers.append(_ledger(position, traded, model=model, member=member))
        signals.append(
            pd.DataFrame(
                {
                    "symbol": predictions["symbol"].iloc[0], "model": model, "member": member,
                    "decided_at": chance.index, "signal": np.where(position > 0, "buy", "sell"),
                }
            )
        )  # fmt: skip
    for model, position in (("buy_and_hold", 1.0), ("cash", 0.0)):
        ledgers.append(_ledger(np.full(len(traded) - 1, position), traded, model=model, member="ensemble"))
    sessions = ledgers[0].time.astype("datetime64[D]")
    metrics = summarise(ledgers, predictions, bars_per_year=bars_per_year, sessions=sessions, config=POLICY)
    saved = Backtest(
        name=name,
        config=POLICY,
        signals=pd.concat(signals),
        ledger=ledger_frame(ledgers),
        trades=trade_frame(ledgers, opens=traded["open"].to_numpy()),
        metrics=metrics,
    )
    run.save_backtest(saved)


def _bars(count: int, *, symbol: str, interval: str, rng: np.random.Generator) -> pd.DataFrame:
    if interval == "1d":
        days = np.busday_offset("2005-01-03", np.arange(count)).astype("datetime64[ns]")
        opened = days + np.timedelta64(14 * 60 + 30, "m")
        closed = opened + np.timedelta64(390, "m")
    else:
        opened = np.datetime64("2013-09-03T13:30", "ns") + np.arange(count) * np.timedelta64(30, "s")
        closed = opened + np.timedelta64(30, "s")
    level = 4.0 * np.exp(np.cumsum(rng.standard_t(5, count) * (0.012 if interval == "1d" else 2e-4)))
    gap = np.exp(rng.normal(0, 0.002 if interval == "1d" else 2e-5, count))
    opens, closes = np.append(4.0, level[:-1]) * gap, level
    return pd.DataFrame(
        {
            "symbol": symbol,
            "opened_at": pd.to_datetime(opened, utc=True), "closed_at": pd.to_datetime(closed, utc=True),
            "open": opens, "high": np.maximum(opens, closes) * 1.003, "low": np.minimum(opens, closes) * 0.997,
            "close": closes, "volume": rng.integers(1_000, 9_000, count).astype(float),
        }
    )  # fmt: skip


def _folds(prices: pd.DataFrame, *, folds: int) -> list[dict[str, Any]]:
    """Expanding folds: the second half of the bars is tested, in equal parts."""
    count = len(prices)
    edges = np.linspace(count // 2, count - 2, folds + 1).astype(int).tolist()
    parts = []
    for number, (start, stop) in enumerate(pairwise(edges)):
        cut = int(start * 0.85)
        ranges = {"train": (30, cut - 2), "validation": (cut, start - 2), "test": (start, stop)}
        parts.append({"number": number} | {part: _part(prices, *rows) for part, rows in ranges.items()})
    return parts


def _part(prices: pd.DataFrame, first: int, stop: int) -> dict[str, Any]:
    closed = prices["closed_at"]
    return {"rows": stop - first, "first": closed[first].isoformat(), "last": closed[stop - 1].isoformat()}


def _predictions(
    prices: pd.DataFrame,
    plan: list[dict[str, Any]],
    *,
    seeds: int,
    networks: tuple[str, ...],
    edge: float,
    rng: np.random.Generator,
    part: str = "test",
) -> pd.DataFrame:
    opens = prices["open"].to_numpy()
    frames = []
    for fold in plan:
        start = int(prices["closed_at"].searchsorted(pd.Timestamp(fold[part]["first"])))
        rows = np.arange(start, start + fold[part]["rows"])
        forward = opens[rows + 2] / opens[rows + 1] - 1.0
        scaled = forward / forward.std()
        for model in networks:
            shared = rng.normal(0, 0.25, len(rows))
            for seed in range(seeds):
                score = edge * scaled * (model == "lstm") + shared + rng.normal(0, 0.15, len(rows))
                frames.append(
                    pd.DataFrame(
                        {
                            "symbol": prices["symbol"].iloc[0], "model": model, "fold": fold["number"], "seed": seed,
                            "decided_at": prices["closed_at"].to_numpy()[rows],
                            "entry_at": prices["opened_at"].to_numpy()[rows + 1],
                            "exit_at": prices["opened_at"].to_numpy()[rows + 2],
                            "probability": 1 / (1 + np.exp(-score)), "target": (forward > 0).astype(float),
                            "forward_return": forward,
                        }
                    )
                )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def _members(predictions: pd.DataFrame) -> dict[tuple[str, str], "pd.Series[float]"]:
    members = {}
    for model, rows in predictions.groupby("model", sort=False):
        members[str(model), "ensemble"] = rows.groupby("decided_at")["probability"].mean()
        for seed, member in rows.groupby("seed"):
            members[str(model), str(seed)] = member.set_index("decided_at")["probability"].sort_index()
    return members


def _ledger(position: np.ndarray, traded: pd.DataFrame, *, model: str, member: str) -> Ledger:
    return trade(
        position,
        symbol=str(traded["symbol"].iloc[0]),
        model=model,
        member=member,
        opened_at=traded["opened_at"].dt.tz_localize(None).to_numpy().astype("datetime64[ns]"),
        opens=traded["open"].to_numpy(),
        costs=Costs(fee_bps=POLICY["fee_bps"], slippage_bps=POLICY["slippage_bps"]),  # type: ignore[arg-type]
    )


def _history(*, folds: int, seeds: int, networks: tuple[str, ...], rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for model in networks:
        for fold in range(folds):
            for seed in range(seeds):
                epochs = int(rng.integers(7, 31))
                fall = 0.06 * np.exp(-np.arange(epochs) / 6)
                loss = 0.672 + fall + rng.normal(0, 0.001, epochs)
                val = 0.694 + 0.5 * fall + 0.0006 * np.arange(epochs) + rng.normal(0, 0.002, epochs)
                rows.append(
                    pd.DataFrame(
                        {
                            "model": model, "fold": fold, "seed": seed, "epoch": np.arange(1, epochs + 1), "loss": loss,
                            "val_loss": val, "seconds": rng.uniform(0.1, 0.2, epochs),
                        }
                    )
                )  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def _describe(
    run: Run,
    prices: pd.DataFrame,
    plan: list[dict[str, Any]],
    *,
    seeds: int,
    interval: str,
    networks: tuple[str, ...],
) -> dict[str, Any]:
    symbol = str(prices["symbol"].iloc[0])
    return {
        "run": run.name,
        "created_at": "2026-03-01T12:00:00+00:00",
        "command": f"forecast train {symbol} --folds {len(plan)} --seeds {seeds}",
        "config": {
            "symbol": symbol, "interval": interval, "bars": None, "window": 30, "horizon": 1,
            "models": list(networks), "units": 32, "folds": len(plan), "seeds": seeds, "epochs": 30, "patience": 5,
            "batch": 128, "learning_rate": 0.001, "features": ["return_1", "range", "close_position", "volatility_20"],
            "start": None, "end": None,
        },
        "data": {
            "fingerprint": hashlib.sha256(prices["close"].to_numpy().tobytes()).hexdigest(), "bars": len(prices),
            "first": prices["closed_at"].iloc[0].isoformat(), "last": prices["closed_at"].iloc[-1].isoformat(),
            "interval": interval, "currency": "USD", "calendar": "XNYS", "adjusted": "forward",
            "bars_per_year": 252.0 if interval == "1d" else 252.0 * 390, "price_scale": 7.5,
        },
        "folds": plan,
        "seeds": list(range(seeds)),
        "versions": {"forecast": "0.1.0", "python": "3.11.7", "keras": "3.14.0", "tensorflow": "2.20.0"},
        "backend": "tensorflow",
        "parameters": {"simple_rnn": 1313, "lstm": 5281},
        "seconds": 41.2,
    }  # fmt: skip
