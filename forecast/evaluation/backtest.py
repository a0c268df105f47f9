"""A run's predictions + rules + costs -> a saved backtest: signals, ledgers and what can be said about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from forecast.config.experiment import COMBINATORIAL
from forecast.config.trading import TradingConfig
from forecast.evaluation.lookahead_audit import certify_fills
from forecast.evaluation.panel.backtest import evaluate_panel
from forecast.evaluation.tries import tries
from forecast.evaluation.verification import caveats, verify
from forecast.evaluation.warnings import diverged_members, notes
from forecast.runs import integrity, trial_log
from forecast.runs.run import Run
from forecast.runs.saved_backtests import Backtest
from forecast.statistics import cpcv
from forecast.statistics.summary import summarise
from forecast.statistics.verdict import Status, Verdict
from forecast.trading.ledgers import ledger_frame, trade_frame
from forecast.trading.market_state import check_spread, closing_calendar
from forecast.trading.signals import members
from forecast.trading.strategy import StrategyResult, accounts, chosen_bands
from pipelines.errors import ConfigError
from pipelines.market.calendars import session_of
from pipelines.market.times import utc


def evaluate(run: Run, *, rules: TradingConfig) -> Backtest:
    """Trades every member of a run and its benchmarks, compares them, saves and returns the backtest.

    A panel's members trade one account each over all its symbols (forecast.evaluation.panel.backtest).

    Raises:
        RunError: an unfinished or damaged run, or one without the validation rows that the rules need.
        ConfigError: rules that this run's bars cannot follow.
    """
    if run.is_panel:
        return evaluate_panel(run, rules=rules)
    verification, described = verify(run), run.describe()
    trial = trial_log.record_backtest(run.folder.parent, rules, run=run.name, symbols=[run.symbol])
    data, traded = described["data"], trade(run, rules=rules)
    result, bars = traded.result, traded.bars
    chosen = chosen_bands(result.choices)
    config = {**rules.to_json(), **({"chosen_bands": chosen} if chosen else {})}
    judged = with_outcome(traded.predictions)
    history = tries(run.folder.parent, result.ledgers, trial=trial)
    metrics = summarise(
        result.ledgers,
        judged,
        decision_sessions={result.members.symbol: session_of(members(judged).decided_at, data["calendar"])},
        bars_per_year=data["bars_per_year"],
        sessions=session_of(utc(bars["closed_at"])[result.traded], data["calendar"]),
        config=config,
        trials=max(1, history.log.trial_count),
        trial_returns=history.returns,
        validation=traded.validation,
        caveats=[*history.caveats, *caveats(verification), *diverged_members(described)],
        unseeded=(traits := model_traits(described)).unseeded,
        ordinal=traits.ordinal,
    )
    metrics |= {"integrity": verification.to_json(), "trials": history.to_json(run.symbol)}
    status: Status = "ok"
    failures: list[str] = []
    if run.describe()["config"].get("split") == COMBINATORIAL:
        metrics |= {"paths": cpcv.path_results(metrics["performance"]), "evidence": {}}
        status = "combinatorial"
    metrics["trading"] = notes(result, bars, rules=rules, calendar=data["calendar"])
    metrics["certificate"] = certificate = traded.certificate
    if certificate is not None and not certificate["passed"]:
        status, failures = "look_ahead", list(certificate["failures"])
    if status != "ok":
        metrics["verdict"] = Verdict(comparisons=(), status=status, failures=tuple(failures)).to_json()
    backtest = Backtest(
        name=rules.name,
        config=config,
        signals=_signal_frame(result),
        ledger=ledger_frame(result.ledgers),
        trades=trade_frame(result.ledgers, opens=result.market.opens),
        metrics=metrics,
    )
    run.save_backtest(backtest)
    return backtest


@dataclass(frozen=True, kw_only=True)
class ModelTraits:
    """unseeded: models whose forecasts came without a seed. ordinal: models that gave scores or signals."""

    unseeded: frozenset[str]
    ordinal: frozenset[str]


def model_traits(*described: Mapping[str, Any]) -> ModelTraits:
    """What forecasts made elsewhere lack, from the run.json of these runs; those of trained runs lack nothing."""
    judged = [(manifest["config"]["models"], manifest["judged"]) for manifest in described if "judged" in manifest]
    return ModelTraits(
        unseeded=frozenset(name for names, about in judged if not about["seeded"] for name in names),
        ordinal=frozenset(name for names, about in judged if about["values"] != "probability" for name in names),
    )


def with_outcome(predictions: pd.DataFrame) -> pd.DataFrame:
    """Without decisions whose session left no room for a trade: there was nothing to forecast."""
    return predictions[(predictions["exit_at"] > predictions["entry_at"]) | (predictions["forward_return"] != 0)]


def traded_accounts(run: Run, *, rules: TradingConfig) -> StrategyResult:
    """What a run's members and its two baselines decided, held and earned; nothing is saved.

    Raises:
        RunError: a file of the run that was changed or removed.
    """
    integrity.check(run)
    return accounts(run.predictions(), run.bars(), **_strategy_inputs(run, rules=rules))


@dataclass(frozen=True, kw_only=True, eq=False)
class TradedRun:
    """A run's tables, what was decided, held and earned with them, and the audit of it.

    validation: None of a combinatorial run. certificate: the training's with the backtest's own checks, None of a run
    that was trained without one.
    """

    predictions: pd.DataFrame
    bars: pd.DataFrame
    validation: pd.DataFrame | None
    result: StrategyResult
    certificate: dict[str, Any] | None


def trade(run: Run, *, rules: TradingConfig) -> TradedRun:
    """Trades a run whose files were checked, and audits its fills and choices; nothing is saved.

    Raises:
        RunError: a damaged run, or one without the validation rows that the rules need.
        ConfigError: rules that this run's bars cannot follow.
    """
    inputs, predictions, bars = _strategy_inputs(run, rules=rules), run.predictions(), run.bars()
    result = accounts(predictions, bars, **inputs)
    return TradedRun(
        predictions=predictions,
        bars=bars,
        validation=inputs["validation"],
        result=result,
        certificate=certify_fills(run.certificate(), result, predictions, bars, **inputs),
    )


def _strategy_inputs(run: Run, *, rules: TradingConfig) -> dict[str, Any]:
    """What accounts are made of beside predictions and bars."""
    described = run.describe()
    check_spread(rules, described, bars=run.bars())
    if rules.learns and described["config"].get("split") == COMBINATORIAL:
        raise ConfigError(
            "Expected split expanding or rolling for calibration, threshold auto and sizing kelly: "
            "the validation rows of a combinatorial run are later than some of its tests."
        )
    combinatorial = described["config"].get("split") == COMBINATORIAL
    validation = None if combinatorial else run.validation()
    if rules.learns and validation is not None and not len(validation):
        raise ConfigError(
            "Expected validation rows for calibration, threshold auto and sizing kelly, got forecasts without. "
            "Judge them with earlier ones of the same models: --validation FILE."
        )
    return {
        "rules": rules,
        "validation": validation,
        "bars_per_year": described["data"]["bars_per_year"],
        "closes_with": closing_calendar(described),
        "horizon": int(described["config"].get("horizon", 1)),
    }


def _signal_frame(result: StrategyResult) -> pd.DataFrame:
    """signals.parquet."""
    members, count = result.members, len(result.members.decided_at)
    model, member = (np.repeat(np.array(column), count) for column in zip(*members.names, strict=True))
    return pd.DataFrame(
        {
            "symbol": members.symbol,
            "model": model,
            "member": member,
            "decided_at": np.tile(members.decided_at, len(members.names)),
            "signal": result.signals.ravel(),
            "probability": result.probability.ravel(),
            "target": result.targets[: len(members.names), :count].ravel(),
        }
    ).assign(decided_at=lambda frame: frame["decided_at"].dt.tz_localize("UTC"))
