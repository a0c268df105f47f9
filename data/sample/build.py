"""Builds the sample from the two public sets that ORIGIN.txt names: `python data/sample/build.py FOLDER`.

Needed only to make the files again; nothing imports this at run time.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
SPLITS = (1.0, 1.5, 2.0, 3.0, 7.0)


def main(folder: Path) -> None:
    stocks = pd.read_csv(folder / "stocks_wiki_AAPL_FB_GOOG_IBM_MSFT_2000_2013.csv.gz")
    stocks.columns = stocks.columns.str.lower()
    stocks["date"] = pd.to_datetime(stocks["date"])
    write(pd.concat([actions(symbol, rows) for symbol, rows in stocks.groupby("ticker")]), "actions")
    daily = stocks.rename(columns={"ticker": "symbol"}).drop(columns="adj close")
    write(daily, "daily")
    parts = [pd.read_csv(folder / f"es_trades_{name}.csv.gz") for name in ("20130902_session", "20130903_rth")]
    write(ticks(pd.concat(parts)), "ticks")


def actions(symbol: str, rows: pd.DataFrame) -> pd.DataFrame:
    """The splits and dividends that WIKI's formula needs to make Adj Close from Close.

    On an ex date (adj / close) grows by split x (close + dividend) / close against the day before, with the close of
    the ex date. The growth is exact to 1e-12, so split and dividend come out exactly (cents).
    """
    close, adjusted = rows["close"].to_numpy(), rows["adj close"].to_numpy()
    growth = (adjusted[1:] / close[1:]) / (adjusted[:-1] / close[:-1])
    split = np.array(SPLITS)[np.abs(growth[:, None] / np.array(SPLITS) - 1).argmin(axis=1)]
    dividend = np.round(close[1:] * (growth / split - 1), 6) + 0.0  # no minus zeros
    happened = (dividend != 0) | (split != 1)
    return pd.DataFrame(
        {
            "symbol": symbol,
            "date": rows["date"].to_numpy()[1:][happened],
            "dividend": dividend[happened],
            "split": split[happened],
        }
    )


def ticks(trades: pd.DataFrame) -> pd.DataFrame:
    """Whole numbers throughout: milliseconds since 1970 UTC, price in quarter points, contracts."""
    local = pd.to_datetime(trades["DateTime"]).dt.tz_localize("America/Chicago")
    milliseconds = local.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[ms]").astype(np.int64)
    quarters = trades["Price"].to_numpy() * 4
    if not np.array_equal(quarters, np.round(quarters)):
        raise SystemExit("a price is not a whole number of quarter points")
    return pd.DataFrame(
        {
            "time_ms": milliseconds,
            "price_quarters": quarters.astype(np.int32),
            "size": trades["Volume"].to_numpy().astype(np.int32),
        }
    )


def write(table: pd.DataFrame, name: str) -> None:
    """Parquet, each column in whichever encoding is smallest."""
    arrow = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    if "date" in table:
        arrow = arrow.set_column(arrow.schema.get_field_index("date"), "date", arrow["date"].cast(pa.date32()))
    encodings: dict[str, str | None] = {}
    for field in arrow.schema:
        choices: list[str | None] = [None, "PLAIN"]
        choices += ["DELTA_BINARY_PACKED"] if pa.types.is_integer(field.type) or pa.types.is_date(field.type) else []
        choices += ["BYTE_STREAM_SPLIT"] if pa.types.is_floating(field.type) else []
        sizes = {choice: size(arrow.select([field.name]), {field.name: choice}) for choice in choices}
        encodings[field.name] = min(sizes, key=lambda choice: sizes[choice])
    (HERE / f"{name}.parquet").write_bytes(encoded(arrow, encodings))
    print(name, arrow.num_rows, "rows", (HERE / f"{name}.parquet").stat().st_size, "bytes", encodings)


def size(arrow: pa.Table, encodings: dict[str, str | None]) -> int:
    return len(encoded(arrow, encodings))


def encoded(arrow: pa.Table, encodings: dict[str, str | None]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(
        arrow,
        sink,
        compression="zstd",
        compression_level=19,
        row_group_size=1 << 20,
        use_dictionary=[name for name, encoding in encodings.items() if encoding is None],
        column_encoding={name: encoding for name, encoding in encodings.items() if encoding is not None},
    )
    return bytes(sink.getvalue())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
