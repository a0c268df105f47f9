"""How well trades are signed, and how much of the mid-price's move order flow explains, on real quotes.

    PYTHONPATH=. python tests/benchmarks/order_flow.py ../shared/data

Signing: agreement with the exchange's own flag (B3, four stocks, five days), by Lee and Ready and by the tick rule.
Order flow: R2 of the change of the mid-price on order-flow imbalance and on trade imbalance in ten-second intervals,
a regression each half hour as in Cont, Kukanov and Stoikov (2014), their mean. B3's set is sampled, with a change of
the best quote every 17 seconds or less often, and has no quoted sizes: there it is a regression each day, and each
rise or fall of a best quote counts as one.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.bars import order_flow, trade_signing
from pipelines.bars.quote_matching import matched
from pipelines.cleaning import cleaning
from pipelines.market.types import Floats, Quotes, Ticks
from pipelines.sources.csv import source

_STOCKS = ("VALE3", "PETR4", "ITUB4", "BBDC4")
_SECOND = 10**9
_FLAG = {4: 1, 3: -1}  # FIX tag 5797 as B3 sent it: the buyer, the seller


def main(folder: Path) -> None:
    print(f"{'':>18} {'trades':>7} {'Lee-Ready':>9} {'tick rule':>9}")
    days: dict[str, list[tuple[Quotes, Ticks]]] = {}
    for stock in _STOCKS:
        files = sorted((folder / "tick_b3_202504").glob(f"{stock}_*.csv.gz"))
        hits: list[NDArray[np.bool_]] = []
        for path in files:
            quotes, ticks, flag = _flagged(stock, path)
            days.setdefault(stock, []).append((quotes, ticks))
            signed = flag != 0
            by_quote = trade_signing.signs(ticks.price, bid=ticks.bid, ask=ticks.ask)
            hits.append(
                np.stack(
                    [by_quote[signed] == flag[signed], trade_signing.tick_rule(ticks.price)[signed] == flag[signed]]
                )
            )
        share = np.concatenate(hits, axis=1)
        print(f"{stock:>18} {share.shape[1]:>7,} {share[0].mean():>9.1%} {share[1].mean():>9.1%}")
    print(f"\n{'R2, 10 s':>18} {'windows':>10} {'order flow':>10} {'trades':>7}")
    for stock, pairs in days.items():
        _print_fits(stock, [_fits(*pair, window=86_400) for pair in pairs])
    _print_fits("XXX (NYSE TAQ)", [_fits(*_taq(folder), window=1_800)])


def _flagged(stock: str, path: Path) -> tuple[Quotes, Ticks, NDArray[np.int64]]:
    """Quotes, trades with the quote before each, and who the exchange says started each: 1, -1, 0 for neither."""
    table = pd.read_csv(path)
    table["at"] = pd.to_datetime(table["network_received_time"], format="ISO8601").dt.tz_localize(None)
    table = table.sort_values("at", kind="stable")
    traded = table[table["event_type"] == "trade"]
    delivery = source.read(stock, files=[path], calendar="BVMF")
    assert delivery.quotes is not None
    quotes = delivery.quotes
    ticks = Ticks(
        symbol=stock, time=traded["at"].to_numpy(), price=traded["md_entry_px"].to_numpy(),
        size=traded["md_entry_size"].to_numpy(), calendar="BVMF",
    )  # fmt: skip
    return quotes, matched(ticks, quotes), traded["aggressor"].map(_FLAG).fillna(0).to_numpy(np.int64)


def _taq(folder: Path) -> tuple[Quotes, Ticks]:
    raw = pd.read_parquet(folder / "tick_taq_anonymised" / "sampleQDataRaw.parquet")
    names = {"BID": "bid", "OFR": "ask", "BIDSIZ": "bid_size", "OFRSIZ": "ask_size", "EX": "exchange"}
    rows = raw.rename(columns=names).assign(time=raw["DT"].dt.tz_convert(None))
    quotes, _ = cleaning.quotes(rows[rows["exchange"] == "N"].reset_index(drop=True), symbol="XXX", calendar="XNYS")
    traded = pd.read_parquet(folder / "tick_taq_anonymised" / "sampleTData.parquet")
    ticks = Ticks(
        symbol="XXX", time=traded["DT"].dt.tz_convert(None).to_numpy(), price=traded["PRICE"].to_numpy(),
        size=traded["SIZE"].to_numpy(float), calendar="XNYS",
    )  # fmt: skip
    return quotes, matched(ticks, quotes)


def _fits(quotes: Quotes, ticks: Ticks, *, window: int) -> Floats:
    """R2 on order flow and on signed volume of each window with 60 intervals with a quote, shape (windows, 2)."""
    step, window = 10 * _SECOND, window * _SECOND
    stamp, traded = quotes.time.view(np.int64), ticks.time.view(np.int64)
    edges = np.arange(stamp[0] // window * window, stamp[-1] + step, step)
    middle = (quotes.bid + quotes.ask) / 2
    last = np.searchsorted(stamp, edges) - 1  # the quote in force at each edge
    change = np.where(last[:-1] >= 0, middle[np.maximum(last[1:], 0)] - middle[np.maximum(last[:-1], 0)], np.nan)
    flow = np.histogram(stamp, edges, weights=order_flow.events(quotes))[0]
    side = trade_signing.signs(ticks.price, bid=ticks.bid, ask=ticks.ask)
    volume = np.histogram(traded, edges, weights=ticks.size * side)[0]
    busy = np.histogram(stamp, edges)[0] > 0
    fits = []
    for first in np.unique(edges[:-1] // window):
        rows = (edges[:-1] // window == first) & np.isfinite(change)
        if np.count_nonzero(rows & busy) >= 60 and np.ptp(change[rows]) > 0:
            fits.append([_r2(change[rows], predictor[rows]) for predictor in (flow, volume)])
    return np.array(fits).reshape(-1, 2)


def _r2(change: Floats, flow: Floats) -> float:
    return float(np.corrcoef(change, flow)[0, 1] ** 2) if np.ptp(flow) > 0 else 0.0


def _print_fits(name: str, fits: list[Floats]) -> None:
    every = np.concatenate(fits)
    flow, volume = every.mean(axis=0) if len(every) else (np.nan, np.nan)
    print(f"{name:>18} {len(every):>10} {flow:>10.1%} {volume:>7.1%}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
