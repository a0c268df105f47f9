"""A top-bottom account against bt's on the same weights and the same opens.

    python -m tests.benchmarks.panel_account /path/to/python-with-bt

bt (pip install bt, in an environment of its own) is given the opens as its prices and the target weights of each open;
fractional positions, everything traded at the open. Without costs both hold the same thing. With costs bt charges each
order from cash and sizes it on equity before the charge, this account scales all positions by equity after it: a
difference of second order in the rate.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

NAMES, BARS, SIDE, RATE = 40, 1_000, 5, 5e-4


def weights_and_opens(*, seed: int = 0) -> tuple["np.ndarray", "np.ndarray"]:
    """Opens, shape (bars, names), and the share of each name from each open but the last on."""
    from forecast.config.policies import CrossSectionalPolicy
    from forecast.trading.cross_section import target_weights

    rng = np.random.default_rng(seed)
    opens = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, (BARS, NAMES)), axis=0))
    times = np.repeat(np.datetime64("2015-01-01", "ns") + np.timedelta64(1, "D") * np.arange(BARS - 1), NAMES)
    names = np.tile(np.array([f"S{number:02d}" for number in range(NAMES)], dtype=object), BARS - 1)
    policy = CrossSectionalPolicy(kind="top-bottom", count=SIDE)
    shares = target_weights(rng.random(len(times)), times, names, policy=policy)
    return shares.reshape(BARS - 1, NAMES), opens


def ours(shares: "np.ndarray", opens: "np.ndarray", *, rate: float) -> "np.ndarray":
    """Equity after what is traded at each open is paid for, shape (bars,)."""
    from forecast.config.trading import Costs
    from forecast.trading.simulator import account

    times = np.datetime64("2015-01-01", "ns") + np.timedelta64(1, "D") * np.arange(BARS)
    rows = account(
        shares.T[None], opened_at=times, opens=opens.T, costs=Costs(fee_bps=1e4 * rate, slippage_bps=0.0), spread=None,
        tradable=None,
    )  # fmt: skip
    before = np.append(1.0, np.cumprod(1.0 + rows.net_return[0])[:-1])
    return before * (1.0 - rows.cost[0])


def of_bt(folder: Path) -> None:
    """Runs in bt's Python: equity from the weights and opens in a folder."""
    import bt
    import pandas as pd

    arrays = np.load(folder / "material.npz")
    days = pd.date_range("2015-01-01", periods=len(arrays["opens"]), freq="D")
    names = [f"S{number:02d}" for number in range(arrays["opens"].shape[1])]
    opens = pd.DataFrame(arrays["opens"], index=days, columns=names)
    weights = pd.DataFrame(np.vstack([arrays["shares"], 0.0 * arrays["shares"][:1]]), index=days, columns=names)
    for rate in arrays["rates"]:
        strategy = bt.Strategy("top-bottom", [bt.algos.WeighTarget(weights), bt.algos.Rebalance()])
        test = bt.Backtest(
            strategy, opens, integer_positions=False, initial_capital=1e6, progress_bar=False,
            commissions=lambda quantity, price, rate=float(rate): abs(quantity) * price * rate,
        )  # fmt: skip
        bt.run(test)
        np.save(folder / f"equity-{rate:g}.npy", test.strategy.values.to_numpy()[1:] / 1e6)


def main() -> None:
    """Prints the largest difference of the two equity curves, with and without costs."""
    if sys.argv[1] == "bt":
        of_bt(Path(sys.argv[2]))
        return
    shares, opens = weights_and_opens()
    rates = np.array([0.0, RATE])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savez(folder / "material.npz", shares=shares, opens=opens, rates=rates)
        done = subprocess.run([sys.argv[1], __file__, "bt", name], capture_output=True, text=True)
        if done.returncode:
            print(f"skipped: no bt in {sys.argv[1]} ({done.stderr.strip().splitlines()[-1]})")
            return
        for rate in rates:
            equity, other = ours(shares, opens, rate=float(rate)), np.load(folder / f"equity-{rate:g}.npy")
            apart = np.abs(other / equity - 1.0).max()
            print(
                f"{1e4 * rate:g} bp a half-turn: {BARS - 1} opens, {NAMES} names, equity at the end {equity[-1]:.6f} "
                f"and {other[-1]:.6f} in bt, largest relative difference {apart:.1e}"
            )


if __name__ == "__main__":
    main()
