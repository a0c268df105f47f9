"""`python -m tests.benchmarks.audit_share`: the look-ahead audit's part of the processor time of `forecast demo`.

The whole command in an empty folder: sample, default training, backtest, page. The audit is what `forecast train` makes
again at its cuts, the members that are trained twice, and what the backtest makes again.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from forecast.__main__ import run
from forecast.compute import executor
from forecast.evaluation import backtest
from forecast.networks.results import FitResult
from forecast.training import train


def main() -> None:
    """Runs the demo once and prints seconds of processor time and shares."""
    parser = argparse.ArgumentParser(prog="tests.benchmarks.audit_share", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1, help="worker processes")
    options = parser.parse_args()
    spent = {"audit of the data": 0.0, "audit of the backtest": 0.0, "forecasts made again": 0.0}
    fitted = {"once": 0.0, "twice": 0.0}

    def timed(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed_call(*arguments: Any, **settings: Any) -> Any:
            began = time.process_time()
            try:
                return call(*arguments, **settings)
            finally:
                spent[name] += time.process_time() - began

        return timed_call

    fit_all = executor.fit_all

    def counted(engine: Any, work: Any, *, note: Any) -> Any:
        tasks, seen = [task for _, task in work], set()
        repeated = {number for number, task in enumerate(tasks) if task.name in seen or seen.add(task.name)}
        for number, result in fit_all(engine, work, note=note):
            if isinstance(result, FitResult):
                fitted["twice" if number in repeated else "once"] += float(result.seconds.sum())
            yield number, result

    train.lookahead_audit.certify = timed("audit of the data", train.lookahead_audit.certify)
    backtest.certify_fills = timed("audit of the backtest", backtest.certify_fills)
    backtest.recompute = timed("forecasts made again", backtest.recompute)
    executor.fit_all = counted
    with tempfile.TemporaryDirectory() as folder:
        code = run(
            ["demo", "--jobs", str(options.jobs), "--data-dir", str(Path(folder) / "data"), "--reports-dir", folder]
        )
    if code:
        raise SystemExit(code)
    own, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    in_workers = workers.ru_utime + workers.ru_stime
    total = own.ru_utime + own.ru_stime + in_workers
    share = fitted["twice"] / (fitted["once"] + fitted["twice"])
    spent["members trained twice"] = share * in_workers  # as much of the workers' time as of the members' seconds
    print(f"\nprocessor time {total:.1f} s, of which workers {in_workers:.1f} s; load {os.getloadavg()[0]:.1f}")
    for name, seconds in spent.items():
        print(f"{name:<24} {seconds:6.2f} s  {seconds / total:6.1%}")
    print(f"{'the audit':<24} {sum(spent.values()):6.2f} s  {sum(spent.values()) / total:6.1%}")


if __name__ == "__main__":
    main()
