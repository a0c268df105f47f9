"""A run's predictions + rules + costs -> a saved backtest: signals, ledgers and what can be said about them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from forecast import trials
from forecast.backtest import Costs, Ledger, trade
from forecast.experiment import COMBINATORIAL
from forecast.runs import Backtest, Run
from forecast.signals import ENSEMBLE, decide, members, positions
from forecast.statistics import paths
from forecast.statistics.summary import summarise
from pipelines.calendars import session_of
from pipelines.errors import RunError
from pipelines.market import Times


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How probabilities become trades, and what a trade costs."""

    policy: str
    band: float
    costs: Costs

    @property
    def name(self) -> str:
        """The backtest's folder: the same rules give the same name."""
        return f"{self.policy}_band-{self.band}_fee-{self.costs.fee_bps}_slippage-{self.costs.slippage_bps}"

    def to_json(self) -> dict[str, Any]:
        """config.json."""
        return {
            "policy": self.policy,
            "band": self.band,
            "fee_bps": self.costs.fee_bps,
            "slippage_bps": self.costs.slippage_bps,
        }


def evaluate(run: Run, *, rules: Rules) -> Backtest:
    """Trades every member of a run and its two baselines, compares them, saves and returns the backtest.

    Raises:
        RunError: an unfinished or damaged run.
    """
    described, bars, predictions = run.describe(), run.bars(), run.predictions()
    decisions, traded, ledgers = accounts(predictions, bars, rules=rules)
    data = described["data"]
    metrics = summarise(
        ledgers,
        predictions,
        bars_per_year=data["bars_per_year"],
        sessions=session_of(_times(traded["closed_at"]), data["calendar"]),
        config=rules.to_json(),
        trials=max(1, trials.count(run.folder.parent, symbol=ledgers[0].symbol)),
    )
    if described["config"].get("split") == COMBINATORIAL:
        results = paths.path_results(metrics["performance"])
        metrics["verdict"] |= paths.without_verdict(results, symbol=ledgers[0].symbol)
        metrics |= {"paths": results, "comparisons": [], "evidence": {}}
    metrics["certificate"] = shown = certify_fills(run.certificate(), ledgers, decisions, bars)
    if shown is not None and not shown["passed"]:
        metrics["verdict"] |= without_verdict(shown["failures"], symbol=ledgers[0].symbol)
    columns = ["symbol", "model", "member", "decided_at", "signal"]
    backtest = Backtest(
        name=rules.name,
        config=rules.to_json(),
        signals=decisions[columns],
        ledger=_ledger_frame(ledgers),
        metrics=metrics,
    )
    run.save_backtest(backtest)
    return backtest


def accounts(
    predictions: pd.DataFrame, bars: pd.DataFrame, *, rules: Rules
) -> tuple[pd.DataFrame, pd.DataFrame, list[Ledger]]:
    """Every member's decisions with their signals, the bars that are traded, and the ledgers, baselines included.

    Raises:
        RunError: predictions that do not belong to these bars.
    """
    decisions = members(predictions)
    decisions["signal"] = decide(decisions["probability"].to_numpy(), band=rules.band)
    traded = _traded_bars(decisions, bars)
    opened_at, opens = _times(traded["opened_at"]), traded["open"].to_numpy()
    ledgers = [
        trade(
            positions(each["signal"].to_numpy().astype(np.str_), policy=rules.policy),
            symbol=str(symbol),
            model=str(model),
            member=str(member),
            opened_at=opened_at,
            opens=opens,
            costs=rules.costs,
        )
        for (symbol, model, member), each in decisions.groupby(["symbol", "model", "member"], sort=True)
    ]
    for name, position in (("buy_and_hold", 1.0), ("always_flat", 0.0)):
        ledgers.append(
            trade(
                np.full(len(opens) - 1, position),
                symbol=ledgers[0].symbol,
                model=name,
                member=ENSEMBLE,
                opened_at=opened_at,
                opens=opens,
                costs=rules.costs,
            )
        )
    return decisions, traded, ledgers


def certify_fills(
    certificate: dict[str, Any] | None, ledgers: Sequence[Ledger], decisions: pd.DataFrame, bars: pd.DataFrame
) -> dict[str, Any] | None:
    """The training's certificate with the backtest's own checks: each fill at the open after its decision, no sooner.

    None for a run that was trained without one.
    """
    if certificate is None:
        return None
    opened_at, opens = _times(bars["opened_at"]), bars["open"].to_numpy()
    failures, compared = list(certificate["failures"]), certificate["compared"]
    by_member = dict(iter(decisions.groupby(["model", "member"])))
    for ledger in ledgers:
        compared += 2
        made = by_member.get((ledger.model, ledger.member))
        if made is not None and np.any(_times(made["decided_at"]) > ledger.time[:-1]):
            failures.append(f"{ledger.model} {ledger.member} is filled before it has decided")
        row = _first_bar(opened_at, ledger.time[:-1])
        held = ledger.position[:-1]
        if row is None or not np.allclose(
            ledger.gross[:-1],
            held * (opens[row + 1 : row + 1 + len(held)] / opens[row : row + len(held)] - 1.0),
            rtol=0.0,
            atol=1e-12,
        ):
            failures.append(f"{ledger.model} {ledger.member} earns something else than from open to open")
    content = {**certificate, "passed": not failures, "compared": compared, "failures": failures}
    del content["sha256"]
    return {**content, "sha256": hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()}


def without_verdict(failures: Sequence[str], *, symbol: str) -> dict[str, Any]:
    """What stands in the place of a verdict where something looked ahead."""
    return {
        "answer": "looks ahead",
        "sentence": f"Looks ahead: nothing that this run found on {symbol} can be believed, since {failures[0]}.",
        "details": [f"Certificate: {failure}." for failure in failures],
    }


def _traded_bars(decisions: pd.DataFrame, bars: pd.DataFrame) -> pd.DataFrame:
    """The bars from the first entry to the last exit: one more than there are decisions.

    The decisions of every member must follow each other bar by bar, as walk-forward folds without gaps give them.
    """
    groups = [each["entry_at"].to_numpy() for _, each in decisions.groupby(["symbol", "model", "member"])]
    entries = decisions["entry_at"].iloc[: len(groups[0])]
    first = _first_bar(_times(bars["opened_at"]), _times(entries))
    if first is None or not all(np.array_equal(each, groups[0]) for each in groups):
        raise RunError(
            "Predictions and bars of the run do not belong together. Train it again: forecast train SYMBOL --fresh."
        )
    return bars.iloc[first : first + len(entries) + 1]


def _times(column: pd.Series) -> Times:
    times: Times = column.dt.tz_convert(None).to_numpy().astype("datetime64[ns]")
    return times


def _first_bar(opened_at: Times, entries: Times) -> int | None:
    """The bar at which the first entry is made; several bars may open at one time, then the one that fits all."""
    left, right = (int(np.searchsorted(opened_at, entries[0], side=side)) for side in ("left", "right"))
    for first in range(left, right):
        if np.array_equal(opened_at[first : first + len(entries)], entries) and first + len(entries) < len(opened_at):
            return first
    return None


def _ledger_frame(ledgers: Sequence[Ledger]) -> pd.DataFrame:
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "symbol": each.symbol,
                    "model": each.model,
                    "member": each.member,
                    "time": pd.DatetimeIndex(each.time).tz_localize("UTC"),
                    "position": each.position,
                    "gross_return": each.gross,
                    "cost": each.cost,
                    "net_return": each.net,
                }
            )
            for each in ledgers
        ],
        ignore_index=True,
    )
