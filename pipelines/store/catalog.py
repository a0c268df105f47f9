"""What a store holds, from the statistics of its files alone."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipelines.errors import did_you_mean

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

COLUMNS = ["symbol", "kind", "interval", "rows", "first", "last", "currency", "calendar"]


def series(files: Mapping[str, "pa.Table | None"]) -> "pd.DataFrame":
    """One row a series, from kind (bars, ticks, quotes) -> what delta-rs says about the table's files."""
    import pandas as pd

    rows = [_series(table, kind) for kind, table in files.items() if table is not None and table.num_rows]
    every = pd.concat(rows or [pd.DataFrame(columns=COLUMNS)])
    return every[COLUMNS].sort_values(["symbol", "kind", "interval"], ignore_index=True)


def _series(files: "pa.Table", kind: str) -> "pd.DataFrame":
    frame: pd.DataFrame = files.to_pandas()
    frame["interval"] = frame["partition.frequency"] if kind == "bars" else ""
    groups: pd.DataFrame = frame.groupby(["partition.symbol", "interval"], as_index=False).agg(
        rows=("num_records", "sum"),
        first=("min.session", "min"),
        last=("max.session", "max"),
        currency=("max.currency", "max"),
        calendar=("max.calendar", "max"),
    )
    groups["currency"] = groups["currency"].fillna("")  # no statistics of empty texts
    return groups.rename(columns={"partition.symbol": "symbol"}).assign(kind=kind)


def what_is_there(catalogue: "pd.DataFrame", where: Mapping[str, str], start: object, end: object) -> str:
    """The message for a series that is not in the store: what was needed, what is there, how to bring it.

    where: the symbol, and the frequency where bars were asked for.
    """
    symbol, interval = where["symbol"], where.get("frequency", "")
    own = catalogue[(catalogue["symbol"] == symbol) & (catalogue["kind"] != "quotes")]
    expected = f"{interval} bars" if interval else "ticks"
    series = own[own["interval"] == interval]
    if len(series):
        span = f"{series['first'].iloc[0]} to {series['last'].iloc[0]}"
        return (
            f"Expected {expected} of {symbol} from {start or 'the start'} to {end or 'the end'}, "
            f"got {span} in the store."
        )
    more = "" if interval in ("1d", "") else f" --interval {interval}"
    if len(own):
        has = ", ".join(f"{interval} bars" if interval else "ticks" for interval in own["interval"])
        if not interval:
            fetch = "Fetch a file of trades with --source csv --file."
            return f"Expected ticks of {symbol} in the store, got its {has}. {fetch}"
        hint_of_ticks = f", or make bars of the ticks: `forecast train {symbol} --bars tick:500`"
        ticks = hint_of_ticks if "" in set(own["interval"]) else ""
        bring = f"bring them with `forecast fetch {symbol}{more}`{ticks}"
        return f"Expected {expected} of {symbol} in the store, got its {has}; {bring}."
    symbols = ", ".join(sorted(set(catalogue["symbol"]))[:12]) or "nothing yet"
    hint = did_you_mean(symbol, catalogue["symbol"])
    bring = f"Bring it with `forecast fetch {symbol}{more}`."
    return f"Expected a symbol in the store ({symbols}), got {symbol}.{hint} {bring}"
