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
    """run -> its order, counted from the position of the signal before, at the price of now."""
    share = cash / max(1, len(evening.answers) + len(evening.failures))
    found = {}
    for each in evening.answers:
        shares, before = (
            int(share * position / each.entry.price) for position in (each.entry.traded.position, each.previous)
        )
        found[each.live.run] = Order(shares=shares, order=shares - before)
    return found


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
    listed = [each for each in evening.answers if each.changed or not changed_only]
    bought = orders(evening, cash=cash) if cash is not None else {}
    if form == "json":
        print_json(
            {
                "runs": [change(each, bought.get(each.live.run), now=now) for each in listed],
                "failed": [asdict(each) for each in evening.failures],
                "notes": list(evening.notes),
            }
        )
    elif form == "csv":
        click.echo(_csv(evening, listed, bought, now=now), nl=False)
    else:
        _table(listed, bought, now=now)
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
        settings.note(f"{failure.symbol}: {failure.reason}")
    for note in evening.notes:
        settings.note(note)
    if len(currencies := {each.entry.currency for each in listed}) > 1 and cash is not None:
        settings.note(f"Prices are in {', '.join(sorted(currencies))}: each share of --cash is taken in that currency.")


def change(answer: Answer, order: Order | None, *, now: np.datetime64) -> dict[str, Any]:
    """One answer, JSON-ready: what --json prints and what a program of --on-change is told."""
    same, of = answer.agreement
    traded = answer.entry.traded
    return {
        **as_dict(answer.forecast, now=now),
        "model": traded.model,
        "signal": traded.signal,
        "position": traded.position,
        "probability": traded.probability,
        "previous_position": answer.previous,
        "changed": answer.changed,
        "agreement": {"same": same, "of": of},
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


def _table(listed: Sequence[Answer], bought: dict[str, Order], *, now: np.datetime64) -> None:
    ordered = [Column("shares", number=True), Column("order", number=True)] if bought else []
    print_table(
        [
            Column("symbol"), Column("signal"), Column("position"), Column("changed"), *ordered,
            Column("price", number=True), Column("agree", drop=5), Column("rise", number=True, drop=4),
            Column("skill / money", drop=3), Column("close of", drop=1), Column("age", drop=2),
        ],
        [
            [
                each.live.symbol,
                each.entry.traded.signal.upper() + (" (stale)" if each.forecast.stale(now) else ""),
                holding(each.entry.traded.position),
                f"from {holding(each.previous)}" if each.changed else formatting.DASH,
                *_order_cells(bought.get(each.live.run)),
                f"{formatting.price(each.entry.price)} {each.entry.currency}".strip(),
                "{} of {}".format(*each.agreement),
                f"{each.entry.traded.probability:.3f}",
                " / ".join(each.verdict.get(name) or formatting.DASH for name in ("skill", "money")),
                moment(each.forecast),
                age(each.forecast, now),
            ]
            for each in listed
        ],
    )  # fmt: skip


def _order_cells(order: Order | None) -> list[str]:
    return [] if order is None else [formatting.count(order.shares), order.text]


_CSV = (
    "symbol", "run", "model", "signal", "position", "previous_position", "changed", "probability", "price", "currency",
    "decided_at", "stale", "skill", "money", "shares", "order", "status", "reason",
)  # fmt: skip


def _csv(evening: Evening, listed: Sequence[Answer], bought: dict[str, Order], *, now: np.datetime64) -> str:
    """Failed runs are rows, too: whoever reads the file alone misses nothing."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _CSV, lineterminator="\n")
    writer.writeheader()
    for each in listed:
        order, traded = bought.get(each.live.run), each.entry.traded
        reason = stale_reason(each, now=now)
        writer.writerow(
            {
                "symbol": each.live.symbol, "run": each.live.run, "model": traded.model, "signal": traded.signal,
                "position": traded.position, "previous_position": each.previous, "changed": each.changed,
                "probability": traded.probability, "price": each.entry.price, "currency": each.entry.currency,
                "decided_at": each.entry.decided_at, "stale": reason is not None, "skill": each.verdict.get("skill"),
                "money": each.verdict.get("money"), "shares": order.shares if order else "",
                "order": order.order if order else "", "status": "stale" if reason else "ok", "reason": reason or "",
            }
        )  # fmt: skip
    for failure in evening.failures:
        writer.writerow(
            {"symbol": failure.symbol, "run": failure.run, "status": "failed", "reason": failure.reason}
        )  # fmt: skip
    return text.getvalue()
