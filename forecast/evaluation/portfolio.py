"""Several runs -> one account per model: a share of it for each symbol, brought back at every open and paid for."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from forecast.config.experiment import COMBINATORIAL
from forecast.config.trading import TradingConfig
from forecast.evaluation.backtest import TradedRun, model_traits, trade
from forecast.evaluation.tries import tries
from forecast.evaluation.verification import caveats, verify
from forecast.evaluation.warnings import diverged_members, ruins
from forecast.runs import trial_log
from forecast.runs.io import damaged, json_bytes, parquet_bytes, read_json, read_parquet
from forecast.runs.manifest import FILES, MANIFEST, read_checked, read_manifest, write_folder
from forecast.runs.run import Run
from forecast.statistics.comparisons import is_network
from forecast.statistics.performance import spells
from forecast.statistics.summary import summarise
from forecast.statistics.verdict import Verdict
from forecast.trading.ledgers import ledger_frame
from forecast.trading.market_state import trailing_volatility
from forecast.trading.simulator import Flags, Ledger, SimulatedAccounts, account, contributions
from forecast.trading.strategy import StrategyResult
from pipelines.errors import ConfigError
from pipelines.market.calendars import session_of
from pipelines.market.times import utc, zoned
from pipelines.market.types import Floats, Times

Weighting = Literal["equal", "inverse-volatility"]

FOLDER = "portfolios"


@dataclass(frozen=True, kw_only=True, eq=False)
class Portfolio:
    """One joined account per model and member, as it is saved below `portfolios/<name>/`."""

    name: str
    config: Mapping[str, Any]
    ledger: pd.DataFrame
    holdings: pd.DataFrame
    metrics: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """One symbol on the days of the portfolio; each array ends in (bars,), targets in (bars - 1,).

    alive: from the first bar to the one before its last: at its last open it is sold. names: (model, member) of each
    row of targets.
    """

    symbol: str
    names: tuple[tuple[str, str], ...]
    targets: Floats
    opens: Floats
    tradable: Flags
    spread: Floats
    volatility: Floats
    alive: Flags


@dataclass(frozen=True, kw_only=True, eq=False)
class JointAccount:
    """Accounts over the same symbols and days, one of each (model, member) that every run has.

    time, closed_at: the opens of the bars and their closes, shape (bars,). names: the (model, member) of each account.
    shares: of the account that each symbol has, shape (symbols, bars - 1).
    """

    parts: Sequence[Part]
    names: Sequence[tuple[str, str]]
    time: Times
    closed_at: Times
    shares: Floats
    simulated: SimulatedAccounts

    @property
    def title(self) -> str:
        """The symbols, the fourth and later ones as a number where there are more than four."""
        symbols = [part.symbol for part in self.parts]
        return "+".join(symbols) if len(symbols) <= 4 else f"{'+'.join(symbols[:3])}+{len(symbols) - 3}"

    @property
    def models(self) -> set[str]:
        """Those that have an account."""
        return {model for model, _ in self.names}

    def ledgers(self) -> list[Ledger]:
        """One for each account, over all symbols: positions and trades as absolute parts of the account."""
        simulated, title = self.simulated, self.title
        return [
            Ledger(
                symbol=title, model=model, member=member, time=self.time,
                position=np.abs(simulated.position[row]).sum(axis=0),
                traded=np.abs(simulated.traded[row]).sum(axis=0), gross_return=simulated.gross_return[row],
                financing=simulated.financing[row], cost=simulated.cost[row], net_return=simulated.net_return[row],
            )
            for row, (model, member) in enumerate(self.names)
        ]  # fmt: skip

    def spells(self, rules: TradingConfig) -> dict[tuple[str, str], dict[str, float | None]]:
        """The trades of each account, symbol by symbol. rules: those it was traded by."""
        opens, spread = np.stack([part.opens for part in self.parts]), np.stack([part.spread for part in self.parts])
        earned = contributions(self.simulated, opens=opens, costs=rules.costs, spread=spread)
        return {
            name: spells(position, gain)
            for name, position, gain in zip(self.names, self.simulated.position, earned, strict=True)
        }

    def holdings(self) -> pd.DataFrame:
        """holdings.parquet: of every account and symbol, what it should hold and what it held."""
        bars, symbols, cells = len(self.time), len(self.parts), len(self.names) * len(self.parts)
        weight = np.concatenate([self.shares, np.zeros((symbols, 1))], axis=1)
        return pd.DataFrame(
            {
                "model": np.repeat([model for model, _ in self.names], bars * symbols),
                "member": np.repeat([member for _, member in self.names], bars * symbols),
                "symbol": np.tile(np.repeat([part.symbol for part in self.parts], bars), len(self.names)),
                "time": zoned(np.tile(self.time, cells)),
                "share": np.tile(weight.ravel(), len(self.names)),
                "position": self.simulated.position.ravel(),
                "traded": self.simulated.traded.ravel(),
            }
        )

    def left_out(self) -> dict[str, list[str]]:
        """Models that some runs have and others have not: whose they are."""
        owners: dict[str, list[str]] = {}
        for part in self.parts:
            for model in dict.fromkeys(model for model, _ in part.names if model not in self.models):
                owners.setdefault(model, []).append(part.symbol)
        return owners

    def events(self) -> dict[str, Any]:
        """Which symbols ended before the portfolio did, and at how many opens each could not be traded."""
        ended: dict[str, str] = {}
        untradable: dict[str, int] = {}
        for part in self.parts:
            dead = np.flatnonzero(~part.alive)
            if len(dead) and dead[0] < len(self.time) - 1:
                ended[part.symbol] = str(np.datetime_as_string(self.time[dead[0]], unit="D"))
            if idle := int((~part.tradable[:-1] & part.alive[:-1]).sum()):
                untradable[part.symbol] = idle
        return {"ended": ended, "untradable_opens": untradable, "opens": len(self.time) - 1}


def join(runs: Sequence[Run], *, rules: TradingConfig, weighting: Weighting) -> Portfolio:
    """Trades several runs as one account per model. Not saved yet.

    The account begins with the last run that begins and ends with the last that ends. A symbol without a bar on a day
    keeps its last price and cannot be traded; one whose history ends is sold at its last open, and its share goes to
    the others. weighting: "equal" shares, or in proportion to 1 / trailing volatility, known before each open.

    Raises:
        ConfigError: fewer than two symbols, or runs that cannot be joined.
        RunError: a file of a run that was changed or removed.
    """
    described = [run.describe() for run in runs]
    symbols = [str(about["config"]["symbol"]) for about in described]
    _check_joinable(runs, described, symbols)
    verifications = [verify(run) for run in runs]
    bars_per_year = float(np.mean([about["data"]["bars_per_year"] for about in described]))
    traded = [trade(run, rules=rules) for run in runs]
    results = [run.result for run in traded]
    joint = _joint_account(
        results, [run.bars for run in traded], bars_per_year=bars_per_year, rules=rules, weighting=weighting
    )
    ledgers = joint.ledgers()
    config = {"symbols": symbols, "runs": [run.name for run in runs], "weighting": weighting, **rules.to_json()}
    digest_of_runs = hashlib.sha256(" ".join(config["runs"]).encode()).hexdigest()[:8]
    name = f"{joint.title}_{weighting}_{rules.name}_{digest_of_runs}"
    folder = runs[0].folder.parent
    trial_log.record_portfolio(folder, config, name=name, symbols=symbols)
    history, traits = tries(folder, ledgers), model_traits(*described)
    predictions, validation = (
        joined[joined["model"].isin(joint.models)]
        for joined in (
            pd.concat([run.predictions for run in traded], ignore_index=True),
            pd.concat([run.validation for run in traded], ignore_index=True),
        )
    )
    metrics = summarise(
        ledgers, predictions, bars_per_year=bars_per_year,
        sessions=session_of(joint.closed_at, described[0]["data"]["calendar"]), config=config,
        decision_sessions={
            symbol: session_of(result.members.decided_at, about["data"]["calendar"])
            for symbol, result, about in zip(symbols, results, described, strict=True)
        },
        trials=max(1, history.log.trial_count), trial_returns=history.returns, validation=validation,
        caveats=[
            *history.caveats,
            *caveats(*verifications),
            *(caveat for caveat in diverged_members(*described) if caveat.subject in joint.models),
        ],
        unseeded=traits.unseeded, ordinal=traits.ordinal, spells=joint.spells(rules),
    )  # fmt: skip
    metrics |= {
        "integrity": {
            run.name: verification.files.to_json() for run, verification in zip(runs, verifications, strict=True)
        },
        "trials": history.to_json(*symbols),
        "trading": {"ruined": ruins(ledgers), "left_out": joint.left_out(), **joint.events()},
        "certificates": {run.name: part.certificate for run, part in zip(runs, traded, strict=True)},
        "mean_share": {part.symbol: float(share.mean()) for part, share in zip(joint.parts, joint.shares, strict=True)},
    }
    if failures := _failures(symbols, traded):
        metrics["verdict"] = Verdict(comparisons=(), status="look_ahead", failures=failures).to_json()
    return Portfolio(name=name, config=config, ledger=ledger_frame(ledgers), holdings=joint.holdings(), metrics=metrics)


def _failures(symbols: Sequence[str], traded: Sequence[TradedRun]) -> tuple[str, ...]:
    """What the look-ahead audits of the runs found, each with its symbol."""
    return tuple(
        f"{symbol}: {failure}"
        for symbol, run in zip(symbols, traded, strict=True)
        for failure in (run.certificate or {"failures": ()})["failures"]
    )


def save(portfolio: Portfolio, *, runs: Path) -> Path:
    """Writes `portfolios/<name>/`; metrics.json comes last and says that the rest is whole."""
    files = {
        "config.json": json_bytes(portfolio.config),
        "holdings.parquet": parquet_bytes(portfolio.holdings),
        "ledger.parquet": parquet_bytes(portfolio.ledger),
        "metrics.json": json_bytes(portfolio.metrics),
    }
    return write_folder(runs / FOLDER / portfolio.name, files)


def load(runs: Path, name: str) -> Portfolio:
    """One saved portfolio, whole.

    Raises:
        RunError: a file of it that is missing or was changed.
    """
    folder = runs / FOLDER / name
    manifest = read_manifest(folder)
    for file in ("config.json", "holdings.parquet", "ledger.parquet", "metrics.json"):
        if file not in manifest[FILES]:
            raise damaged(folder / MANIFEST, f"it lacks {file}")
        read_checked(folder / file, name=file, manifest=manifest)
    return Portfolio(
        name=name,
        config=read_json(folder / "config.json"),
        ledger=read_parquet(folder / "ledger.parquet"),
        holdings=read_parquet(folder / "holdings.parquet"),
        metrics=read_json(folder / "metrics.json"),
    )


def list_portfolios(runs: Path) -> list[str]:
    """Names of the saved portfolios, newest first."""
    files = (runs / FOLDER).glob("*/metrics.json")
    return [path.parent.name for path in sorted(files, key=lambda path: -path.stat().st_mtime_ns)]


def _check_joinable(runs: Sequence[Run], described: Sequence[Mapping[str, Any]], symbols: Sequence[str]) -> None:
    if len(set(symbols)) < 2 or len(set(symbols)) < len(symbols):
        raise ConfigError(
            f"Expected two symbols or more for a portfolio, each once, got {', '.join(symbols) or 'none'}. "
            "Name runs of different symbols."
        )
    for run, about in zip(runs, described, strict=True):
        if run.is_panel:
            raise ConfigError(
                f"Expected runs of one symbol for a portfolio, got the panel {run.name}: it is one already."
            )
        if about["config"].get("split") == COMBINATORIAL or not (run.certificate() or {"passed": True})["passed"]:
            raise ConfigError(f"Expected runs that look at no later bars for a portfolio, got {run.name}.")
    kinds = sorted({f"{about['data']['interval']} bars of {about['data']['calendar']}" for about in described})
    built = [str(definition) for about in described if (definition := about["config"].get("bars"))]
    if len(kinds) > 1 or any(not definition.startswith("time:") for definition in built):
        raise ConfigError(f"Expected runs with bars of the same times for a portfolio, got {', '.join(kinds)}.")


def _joint_account(
    results: Sequence[StrategyResult],
    bars: Sequence[pd.DataFrame],
    *,
    bars_per_year: float,
    rules: TradingConfig,
    weighting: Weighting,
) -> JointAccount:
    """Several runs' decisions traded in one account for each model. bars: of each run."""
    time, closed_at = _days(results, bars)
    parts = [
        _part(result, prices, time, bars_per_year=bars_per_year) for result, prices in zip(results, bars, strict=True)
    ]
    names, shares = _common_accounts(parts), _shares(parts, weighting=weighting)
    targets = np.stack([part.targets[[part.names.index(name) for name in names]] for part in parts], axis=1)
    simulated = account(
        targets * shares, opened_at=time, opens=np.stack([part.opens for part in parts]), costs=rules.costs,
        spread=np.stack([part.spread for part in parts]), tradable=np.stack([part.tradable for part in parts]),
    )  # fmt: skip
    return JointAccount(parts=parts, names=names, time=time, closed_at=closed_at, shares=shares, simulated=simulated)


def _common_accounts(parts: Sequence[Part]) -> list[tuple[str, str]]:
    """The (model, member) pairs that every part has.

    Raises:
        ConfigError: no network is among them.
    """
    names = [name for name in parts[0].names if all(name in part.names for part in parts)]
    if not any(is_network(model) for model, _ in names):
        raise ConfigError(
            f"Expected a network that all runs of a portfolio have, got {'; '.join(map(_networks, parts))}. Train them "
            "with the same --model."
        )
    return names


def _days(results: Sequence[StrategyResult], bars: Sequence[pd.DataFrame]) -> tuple[Times, Times]:
    """The opens of the portfolio's bars and their closes: every time at which one of the symbols was traded."""
    first = max(result.market.opened_at[0] for result in results)
    opened = np.concatenate([result.market.opened_at for result in results])
    closed = np.concatenate(
        [utc(prices["closed_at"])[result.traded] for result, prices in zip(results, bars, strict=True)]
    )
    time, place = np.unique(opened, return_index=True)
    late = [result.members.symbol for result in results if result.market.opened_at[-1] <= first]
    if late:
        raise ConfigError(
            f"Expected test rows of the same days, got none of {', '.join(late)} when the last run begins."
        )
    common = time >= first
    return time[common], closed[place][common]


def _part(result: StrategyResult, bars: pd.DataFrame, time: Times, *, bars_per_year: float) -> Part:
    market = result.market
    at = np.searchsorted(market.opened_at, time, side="right") - 1  # its last bar that has opened by then
    opens_now, last = market.opened_at[at] == time, len(market.opened_at) - 1
    volatility = trailing_volatility(bars["close"].to_numpy(), bars_per_year=bars_per_year)[result.traded]
    targets = np.concatenate([result.targets, np.zeros((len(result.targets), 1))], axis=1)[:, at]
    return Part(
        symbol=result.members.symbol,
        names=tuple((ledger.model, ledger.member) for ledger in result.ledgers),
        targets=targets[:, :-1],
        opens=market.opens[at],
        tradable=opens_now & (market.tradable[at] | (at == last)),
        spread=np.zeros(len(time)) if market.spread is None else market.spread[at],
        volatility=volatility[at],
        alive=at < last,
    )


def _shares(parts: Sequence[Part], *, weighting: Weighting) -> Floats:
    """Each symbol's share of the account, shape (symbols, bars - 1), adding up to 1 while one is there.

    A symbol whose volatility is not known, or zero, has no share by volatility.
    """
    alive = np.stack([part.alive for part in parts])[:, :-1]
    weight = alive.astype(np.float64)
    if weighting == "inverse-volatility":
        volatility = np.stack([part.volatility for part in parts])[:, :-1]
        weight = np.divide(weight, volatility, out=np.zeros_like(weight), where=volatility > 0.0)
    total = weight.sum(axis=0)
    return np.asarray(np.divide(weight, total, out=np.zeros_like(weight), where=total > 0.0))


def _networks(part: Part) -> str:
    names = dict.fromkeys(model for model, _ in part.names if is_network(model))
    return f"{', '.join(names) or 'none'} of {part.symbol}"
