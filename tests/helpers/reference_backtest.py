"""A slow account in cash and shares, bar by bar, to check the fast one by. It shares no code with it, on purpose."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Book:
    """What happened, one entry a bar."""

    equity: list[float] = field(default_factory=list)
    net: list[float] = field(default_factory=list)
    paid: list[float] = field(default_factory=list)  # for trading, as a fraction of the money before it
    interest: list[float] = field(default_factory=list)  # as a fraction of the money after trading
    fractions: list[list[float]] = field(default_factory=list)  # of each asset after trading
    ruined: bool = False


def keep_book(
    *,
    times: list[datetime],
    opens: list[list[float]],
    targets: list[list[float]],
    rates: list[list[float]],
    tradable: list[list[bool]],
    borrow: float,
    financing: float,
) -> Book:
    """opens, rates, tradable: one list an asset, one number a bar. targets: the same, one number less."""
    book = Book()
    cash, shares = 1.0, [0.0 for _ in opens]
    bars = len(times)
    for bar in range(bars):
        if book.ruined:
            book.equity.append(0.0)
            book.net.append(0.0)
            book.paid.append(0.0)
            book.interest.append(0.0)
            book.fractions.append([0.0 for _ in opens])
            continue
        before = cash + sum(count * price[bar] for count, price in zip(shares, opens, strict=True))
        # the orders of this open, sized by the money there is before any is paid for
        orders: dict[int, float] = {}
        for asset in range(len(opens)):
            if bar == bars - 1:
                orders[asset] = -shares[asset] * opens[asset][bar]
            elif tradable[asset][bar]:
                orders[asset] = targets[asset][bar] * before - shares[asset] * opens[asset][bar]
        bill = sum(abs(amount) * rates[asset][bar] for asset, amount in orders.items())
        after = before - bill
        if after <= 0:
            book.ruined = True
            book.equity.append(0.0)
            book.net.append(-1.0)
            book.paid.append(bill / before)
            book.interest.append(0.0)
            book.fractions.append([0.0 for _ in opens])
            continue
        for asset in orders:
            target = 0.0 if bar == bars - 1 else targets[asset][bar]
            shares[asset] = target * after / opens[asset][bar]
        values = [count * price[bar] for count, price in zip(shares, opens, strict=True)]
        cash = after - sum(values)
        book.paid.append(bill / before)
        book.fractions.append([value / after for value in values])
        charge = 0.0
        if bar < bars - 1:
            years = (times[bar + 1] - times[bar]).total_seconds() / (365 * 24 * 3600)
            sold = sum(-value for value in values if value < 0)
            bought = sum(value for value in values if value > 0)
            charge = years * (borrow * sold + financing * max(0.0, bought - after))
            cash -= charge
        book.interest.append(charge / after)
        following = min(bar + 1, bars - 1)
        end = cash + sum(count * price[following] for count, price in zip(shares, opens, strict=True))
        if end <= 0:
            book.ruined = True
            end = 0.0
        book.equity.append(end)
        book.net.append(end / before - 1)
    return book
