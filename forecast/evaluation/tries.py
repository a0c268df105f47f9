"""What was tried before in this folder of runs: how much, and the daily returns of those tries that are still here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from forecast.runs import trial_log
from forecast.runs.run import Run
from forecast.runs.trial_log import Trial, TrialLog
from forecast.statistics.comparisons import is_network
from forecast.statistics.performance import bar_returns
from forecast.statistics.tried_returns import DailyReturns, daily
from forecast.statistics.verdict import Caveat
from forecast.trading.signals import ENSEMBLE
from forecast.trading.simulator import Ledger
from pipelines.errors import RunError
from pipelines.market.times import utc

_MOST = 20  # backtests whose ledgers are read again: the newest


@dataclass(frozen=True, kw_only=True, eq=False)
class Tries:
    """log: all that was tried. returns: of the networks of this backtest, and of the newest ones before it."""

    log: TrialLog
    returns: tuple[DailyReturns, ...]

    @property
    def caveats(self) -> list[Caveat]:
        """Whether the log can be believed."""
        return [Caveat(code="trial_log", value=len(self.log.problems))] if self.log.problems else []

    def to_json(self, *symbols: str) -> dict[str, Any]:
        """For metrics.json: how many configurations, of these symbols among them, and what is wrong with the log."""
        return {
            "tried": self.log.trial_count,
            "of_symbol": {symbol: self.log.of(symbol) for symbol in symbols},
            "known_returns": len(self.returns),
            "problems": list(self.log.problems),
        }


def tries(runs: Path, ledgers: Sequence[Ledger], *, trial: Trial | None = None) -> Tries:
    """ledgers: of the backtest, or of the portfolio, that is judged now. trial: of the backtest, as the log has it.

    The same rules at other costs are the same try: their returns are not known a second time.
    """
    log = trial_log.read(runs)
    returns = [
        daily(ledger.time[:-1].astype("datetime64[D]"), bar_returns(ledger))
        for ledger in ledgers
        if ledger.member == ENSEMBLE and is_network(ledger.model)
    ]
    earlier = [logged for logged in log.trials if logged.kind == "backtest" and logged != trial]
    for logged in reversed(earlier[-_MOST:]):
        returns += _returns_of(runs, logged.run, logged.name)
    return Tries(log=log, returns=tuple(returns))


def _returns_of(runs: Path, run: str, name: str) -> list[DailyReturns]:
    """Daily net returns of a saved backtest's networks; none where it was removed or cannot be read."""
    if not run or not name or (Path(run).name, Path(name).name) != (run, name):
        return []
    try:
        ledger = Run(runs / run).ledger(name)
    except RunError:
        return []
    rows = ledger[(ledger["member"] == ENSEMBLE) & ledger["model"].map(is_network)]
    return [
        daily(utc(ledger["time"]).astype("datetime64[D]"), ledger["net_return"].to_numpy(np.float64))
        for _, ledger in rows.groupby("model", sort=False)
    ]
