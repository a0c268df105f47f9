"""Times in UTC in the forms that they travel in: datetime64[ns] without a zone, pandas with one, ISO 8601."""

from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.market.types import Times

if TYPE_CHECKING:
    import pandas as pd


def utc(column: "pd.Series[Any]") -> Times:
    """A column of a table as datetime64[ns] in UTC; times without a zone are in UTC."""
    import pandas as pd  # half a second that no help page needs

    if isinstance(column.dtype, pd.DatetimeTZDtype):  # as all tables of a run have them; to_datetime looks at each
        naive = column.dt.tz_convert(None)
    else:
        naive = pd.to_datetime(column, utc=True).dt.tz_localize(None)
    times: Times = naive.to_numpy().astype("datetime64[ns]")
    return times


def moment_of(stamp: "pd.Timestamp") -> np.datetime64:
    """One time with a zone as datetime64[ns] in UTC."""
    moment: np.datetime64 = (
        stamp.tz_convert(None).to_datetime64().astype("datetime64[ns]")
    )  # datetime64(stamp) cuts off
    return moment


def zoned(times: Times) -> "pd.DatetimeIndex":
    """Times in UTC with their zone, as tables have them."""
    import pandas as pd

    return pd.DatetimeIndex(times).tz_localize("UTC")


def iso(moment: np.datetime64) -> str:
    """ISO 8601 with the zone: 2024-01-02T21:00:00+00:00."""
    import pandas as pd

    return pd.Timestamp(moment).tz_localize("UTC").isoformat()


def day(moment: np.datetime64) -> str:
    """The date in UTC: 2024-01-02."""
    return str(np.datetime_as_string(moment, unit="D"))
