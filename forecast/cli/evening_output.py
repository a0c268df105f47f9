"""What `signal --all` prints: a line a symbol, an order list, CSV or JSON."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click
import numpy as np

from forecast.cli.context import CliContext, print_json
from forecast.cli.drift import drift_sentence
from forecast.cli.signal_output import age, as_dict, holding, moment
from forecast.cli.tables import Column, print_table
from forecast.report import formatting
from forecast.serving.evening import Answer, Evening


@dataclass(frozen=True, kw_only=True)
class Order:
    """Whole shares of an account that is split equally over the live runs. order: bought, negative for sold."""

    shares: int
    order: int

    @property
    def text(self) -> str:
        if not self.order:
            return formatting.DASH
        return f"{'buy' if self.order > 0 else 'sell'} {formatting.count(abs(self.order))}"


def orders(evening: Evening, *, cash: float) -> dict[str, Order]:
    """run -> its order. Shares are counted at the close of a change and kept until the next: orders add up to them."""
    share = cash / max(1, len(evening.answers) + len(evening.failures))
    orders_by_run = {}
    for answer in evening.answers:
        before, shares = answer.shares(share)
        orders_by_run[answer.live.run] = Order(shares=shares, order=shares - before)
    return orders_by_run


def show(
    evening: Evening,
    settings: CliContext,
    *,
    now: np.datetime64,
    form: str,
    changed_only: bool = False,
    cash: float | None = None,
) -> None:
    """form: "table", "csv" or "json". The notes of each run and of the journal go to stderr."""
    listed = [answer for answer in evening.answers if answer.changed or not changed_only]
    orders_by_run = orders(evening, cash=cash) if cash is not None else {}
    if form == "json":
        print_json(
            {
                "runs": [change(answer, orders_by_run.get(answer.live.run), now=now) for answer in listed],
                "failed": [asdict(failure) for failure in evening.failures],
                "notes": list(evening.notes),
            }
        )
    elif form == "csv":
        click.echo(_csv(evening, listed, orders_by_run, now=now), nl=False)
    else:
        _table(listed, orders_by_run, now=now)
        if not listed and evening.answers:
            settings.note("No position has changed.")
    for answer in evening.answers:
        for note in answer.notes:
            settings.note(f"{answer.live.symbol}: {note}")
        if (reason := stale_reason(answer, now=now)) is not None:
            settings.note(f"{answer.live.symbol}: {reason}")
        if answer.record is not None and answer.record.drifted_on is not None:
            settings.note(drift_sentence(answer.record))
    for failure in evening.failures:
        settings.error(f"{failure.symbol}: {failure.reason}")
    for note in evening.notes:
        settings.note(note)
    if len(currencies := {answer.entry.currency for answer in listed}) > 1 and cash is not None:
        settings.note(f"Prices are in {', '.join(sorted(currencies))}: each share of --cash is taken in that currency.")


def change(answer: Answer, order: Order | None, *, now: np.datetime64) -> dict[str, Any]:
    """One answer, JSON-ready: what --json prints and what a program of --on-change is told."""
    agreeing, of = answer.agreement
    traded = answer.entry.traded
    return {
        **as_dict(answer.forecast, now=now),
        "model": traded.model,
        "signal": traded.signal,
        "position": traded.position,
        "probability": traded.probability,
        "previous_position": answer.previous,
        "changed": answer.changed,
        "agreement": {"same": agreeing, "of": of},
        "verdict": dict(answer.verdict),
        "backtest": answer.live.backtest,
        "recorded_at": answer.entry.recorded_at,
        "stale_reason": stale_reason(answer, now=now),
        "notes": list(answer.notes),
        "record": None if answer.record is None else asdict(answer.record),
        **({} if order is None else {"shares": order.shares, "order": order.order}),
    }


def stale_reason(answer: Answer, *, now: np.datetime64) -> str | None:
    """Why a signal is at a stale price, None where it is not."""
    from pipelines.market import calendars

    forecast = answer.forecast
    if not forecast.stale(now):
        return None
    session = calendars.session_of(np.array([forecast.decided_at]), forecast.calendar)[0]
    last = calendars.last_closed(forecast.calendar, now=now)
    missed = max(1, len(calendars.sessions_between(session, last, forecast.calendar)) - 1)
    text = f"the newest price is of {session}, {formatting.plural(missed, 'session')} ago"
    if missed > 5:
        text += f"; delisted, renamed or halted? To ask it no more: forecast live remove {answer.live.run}"
    return f"{text}."


def _table(listed: Sequence[Answer], orders_by_run: dict[str, Order], *, now: np.datetime64) -> None:
    ordered = [Column("shares", number=True), Column("order", number=True)] if orders_by_run else []
    print_table(
        [
            Column("symbol"), Column("signal"), Column("position"), Column("changed"), *ordered,
            Column("price", number=True), Column("agree", drop=5), Column("rise", number=True, drop=4),
            Column("skill / money", drop=3), Column("close of", drop=1), Column("age", drop=2),
        ],
        [
            [
                answer.live.symbol,
                answer.entry.traded.signal.upper() + (" (stale)" if answer.forecast.stale(now) else ""),
                holding(answer.entry.traded.position),
                f"from {holding(answer.previous)}" if answer.changed else formatting.DASH,
                *_order_cells(orders_by_run.get(answer.live.run)),
                f"{formatting.price(answer.entry.price)} {answer.entry.currency}".strip(),
                "{} of {}".format(*answer.agreement),
                f"{answer.entry.traded.probability:.3f}",
                " / ".join(answer.verdict.get(name) or formatting.DASH for name in ("skill", "money")),
                moment(answer.forecast),
                age(answer.forecast, now),
            ]
            for answer in listed
        ],
    )  # fmt: skip


def _order_cells(order: Order | None) -> list[str]:
    return [] if order is None else [formatting.count(order.shares), order.text]


_CSV = (
    "symbol", "run", "model", "signal", "position", "previous_position", "changed", "probability", "price", "currency",
    "decided_at", "stale", "skill", "money", "shares", "order", "status", "reason",
)  # fmt: skip


def _csv(evening: Evening, listed: Sequence[Answer], orders_by_run: dict[str, Order], *, now: np.datetime64) -> str:
    """Failed runs are rows, too: whoever reads the file alone misses nothing."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _CSV, lineterminator="\n")
    writer.writeheader()
    for answer in listed:
        order, traded = orders_by_run.get(answer.live.run), answer.entry.traded
        reason = stale_reason(answer, now=now)
        writer.writerow(
            {
                "symbol": answer.live.symbol, "run": answer.live.run, "model": traded.model, "signal": traded.signal,
                "position": traded.position, "previous_position": answer.previous, "changed": answer.changed,
                "probability": traded.probability, "price": answer.entry.price, "currency": answer.entry.currency,
                "decided_at": answer.entry.decided_at, "stale": reason is not None,
                "skill": answer.verdict.get("skill"), "money": answer.verdict.get("money"),
                "shares": order.shares if order else "",
                "order": order.order if order else "", "status": "stale" if reason else "ok", "reason": reason or "",
            }
        )  # fmt: skip
    for failure in evening.failures:
        writer.writerow(
            {"symbol": failure.symbol, "run": failure.run, "status": "failed", "reason": failure.reason}
        )  # fmt: skip
    return text.getvalue()
