"""What `signal --all` prints: a line a symbol, an order list, CSV or JSON."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click
import numpy as np

from forecast.cli.context import CliContext, print_json
from forecast.cli.drift import drift_sentence
from forecast.cli.signal_output import age, as_dict, holding, moment
from forecast.cli.tables import Column, print_table
from forecast.report import formatting
from forecast.serving.evening import Answer, Evening, PanelAnswer
from forecast.serving.journal import GivenOrder

Orders = Mapping[tuple[str, str], GivenOrder]
"""Of each (run, symbol) its order."""


def show(
    evening: Evening,
    settings: CliContext,
    *,
    now: np.datetime64,
    form: str,
    changed_only: bool = False,
    ordered: Orders | None = None,
) -> None:
    """form: "table", "csv" or "json". ordered: where orders are asked for. Notes go to stderr.

    changed_only: those with a change or an order alone.
    """
    ordered = ordered or {}
    listed = [answer for answer in evening.answers if not changed_only or to_tell(answer, ordered)]
    if form == "json":
        print_json(
            {
                "runs": [change(answer, ordered, now=now) for answer in listed],
                **({"removed": order_rows(gone)} if (gone := sold(evening, ordered)) else {}),
                "failed": [asdict(failure) for failure in evening.failures],
                "notes": list(evening.notes),
            }
        )
    elif form == "csv":
        click.echo(_csv(evening, listed, ordered, now=now, changed_only=changed_only), nl=False)
    else:
        _table(evening, listed, ordered, now=now, changed_only=changed_only)
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
    if len(currencies := set().union(*map(_currencies, listed))) > 1 and ordered:
        settings.note(f"Prices are in {', '.join(sorted(currencies))}: each share of --cash is taken in that currency.")


def _currencies(answer: Answer | PanelAnswer) -> set[str]:
    return {line.currency for line in answer.lines} if isinstance(answer, PanelAnswer) else {answer.entry.currency}


def to_tell(answer: Answer | PanelAnswer, ordered: Orders) -> bool:
    """Whether a position is another one than before, or shares are to be bought or sold."""
    return answer.changed or any(order.order for (run, _), order in ordered.items() if run == answer.live.run)


def to_pass_on(
    answer: Answer | PanelAnswer, ordered: Orders, passed_on: Mapping[tuple[str, str], Mapping[str, int] | None]
) -> bool:
    """Whether a program has yet to be told of an answer: of its change, or of orders for other shares than before.

    passed_on: as in JournalPage.
    """
    if answer.entry.key not in passed_on:
        return to_tell(answer, ordered)
    before = passed_on[answer.entry.key]
    own = [order for order in ordered.values() if order.run == answer.live.run]
    return before is not None and any(before.get(order.symbol, order.before) != order.shares for order in own)


def sold(evening: Evening, ordered: Orders) -> list[GivenOrder]:
    """Of runs that are live no more."""
    live = {answer.live.run for answer in evening.answers}
    return [order for (run, _), order in ordered.items() if run not in live]


def order_rows(orders: Sequence[GivenOrder]) -> list[dict[str, Any]]:
    """JSON-ready."""
    return [
        {"run": order.run, "symbol": order.symbol, "shares": order.shares, "order": order.order} for order in orders
    ]


def change(answer: Answer | PanelAnswer, ordered: Orders, *, now: np.datetime64) -> dict[str, Any]:
    """One answer, JSON-ready: what --json prints and what a program of --on-change is told."""
    if isinstance(answer, PanelAnswer):
        return _panel_change(answer, ordered, now=now)
    order = ordered.get((answer.live.run, answer.live.symbol))
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


def _panel_change(answer: PanelAnswer, ordered: Orders, *, now: np.datetime64) -> dict[str, Any]:
    forecast = answer.forecast
    names = []
    for line in answer.lines:
        agreeing, of = line.agreement
        order = ordered.get((answer.live.run, line.symbol))
        shares = {} if order is None else {"shares": order.shares, "order": order.order}
        names.append(
            {
                "rank": line.rank, "symbol": line.symbol, "decided_at": line.decided_at, "signal": line.signal,
                "position": line.position, "probability": line.probability, "previous_position": line.previous,
                "changed": line.changed, "agreement": {"same": agreeing, "of": of}, "price": line.price,
                "currency": line.currency, **shares,
            }
        )  # fmt: skip
    return {
        "run": answer.live.run, "symbol": answer.live.symbol, "decided_at": answer.entry.decided_at,
        "stale": forecast.stale(now), "policy": forecast.rules.policy, "model": answer.entry.model, "names": names,
        "absent": dict(forecast.absent), "changed": answer.changed, "verdict": dict(answer.verdict),
        "backtest": answer.live.backtest, "recorded_at": answer.entry.recorded_at,
        "stale_reason": stale_reason(answer, now=now), "notes": list(answer.notes),
        "record": None if answer.record is None else asdict(answer.record),
    }  # fmt: skip


def stale_reason(answer: Answer | PanelAnswer, *, now: np.datetime64) -> str | None:
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


def _table(
    evening: Evening,
    listed: Sequence[Answer | PanelAnswer],
    ordered: Orders,
    *,
    now: np.datetime64,
    changed_only: bool,
) -> None:
    """A row a symbol. Of a panel one a name that is held or traded, with the panel beside it."""
    panels = [Column("of", drop=6)] if any(isinstance(answer, PanelAnswer) for answer in listed) else []
    columns = [Column("shares", number=True), Column("order", number=True)] if ordered else []
    print_table(
        [
            Column("symbol"), *panels, Column("signal"), Column("position"), Column("changed"), *columns,
            Column("price", number=True), Column("agree", drop=5), Column("rise", number=True, drop=4),
            Column("skill / money", drop=3), Column("close of", drop=1), Column("age", drop=2),
        ],
        [
            [
                row.symbol, *([row.panel or formatting.DASH] if panels else []),
                row.signal.upper() + (" (stale)" if answer.forecast.stale(now) else ""), holding(row.position),
                f"from {holding(row.previous)}" if row.changed else formatting.DASH,
                *([] if not ordered else _order_cells(ordered.get((answer.live.run, row.symbol)))),
                f"{formatting.price(row.price)} {row.currency}".strip(),
                "{} of {}".format(*row.agreement),
                formatting.DASH if row.probability is None else f"{row.probability:.3f}",
                " / ".join(answer.verdict.get(name) or formatting.DASH for name in ("skill", "money")),
                moment(answer.forecast),
                age(answer.forecast, now),
            ]
            for answer in listed
            for row in _rows(answer, ordered, changed_only=changed_only)
            if row.panel is None or row.position or row.previous
        ]
        + [
            [
                order.symbol, *([formatting.DASH] if panels else []), "NOT LIVE", "flat", formatting.DASH,
                *_order_cells(order), *[formatting.DASH] * 6,
            ]
            for order in sold(evening, ordered)
        ],
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Row:
    """What one line says of a symbol, alone or in a panel (None: alone)."""

    symbol: str
    panel: str | None
    signal: str
    probability: float | None
    position: float
    previous: float
    changed: bool
    agreement: tuple[int, int]
    price: float
    currency: str
    decided_at: str


def _rows(answer: Answer | PanelAnswer, ordered: Orders, *, changed_only: bool) -> list[_Row]:
    if isinstance(answer, PanelAnswer):
        return [
            _Row(
                symbol=line.symbol, panel=answer.live.symbol, signal=line.signal, probability=line.probability,
                position=line.position, previous=line.previous, changed=line.changed, agreement=line.agreement,
                price=line.price, currency=line.currency, decided_at=line.decided_at,
            )
            for line in answer.lines
            if not changed_only or line.changed or _order(ordered, answer, line.symbol)
        ]  # fmt: skip
    entry = answer.entry
    return [
        _Row(
            symbol=answer.live.symbol, panel=None, signal=entry.traded.signal, probability=entry.traded.probability,
            position=entry.traded.position, previous=answer.previous, changed=answer.changed,
            agreement=answer.agreement, price=entry.price, currency=entry.currency, decided_at=entry.decided_at,
        )
    ]  # fmt: skip


def _order(ordered: Orders, answer: Answer | PanelAnswer, symbol: str) -> int:
    order = ordered.get((answer.live.run, symbol))
    return 0 if order is None else order.order


def _order_cells(order: GivenOrder | None) -> list[str]:
    if order is None:
        return [formatting.DASH] * 2
    side = "buy" if order.order > 0 else "sell"
    text = f"{side} {formatting.count(abs(order.order))}" if order.order else formatting.DASH
    return [formatting.count(order.shares), text]


_CSV = (
    "symbol", "run", "model", "signal", "position", "previous_position", "changed", "probability", "price", "currency",
    "decided_at", "stale", "skill", "money", "shares", "order", "status", "reason",
)  # fmt: skip


def _csv(
    evening: Evening,
    listed: Sequence[Answer | PanelAnswer],
    ordered: Orders,
    *,
    now: np.datetime64,
    changed_only: bool,
) -> str:
    """Failed runs are rows, too: whoever reads the file alone misses nothing."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _CSV, lineterminator="\n")
    writer.writeheader()
    rows = [(answer, row) for answer in listed for row in _rows(answer, ordered, changed_only=changed_only)]
    for answer, row in rows:
        order, reason = ordered.get((answer.live.run, row.symbol)), stale_reason(answer, now=now)
        writer.writerow(
            {
                "symbol": row.symbol, "run": answer.live.run, "model": answer.entry.model, "signal": row.signal,
                "position": row.position, "previous_position": row.previous, "changed": row.changed,
                "probability": "" if row.probability is None else row.probability, "price": row.price,
                "currency": row.currency, "decided_at": row.decided_at, "stale": reason is not None,
                "skill": answer.verdict.get("skill"), "money": answer.verdict.get("money"),
                "shares": order.shares if order else "",
                "order": order.order if order else "", "status": "stale" if reason else "ok", "reason": reason or "",
            }
        )  # fmt: skip
    for gone in sold(evening, ordered):
        writer.writerow(
            {"symbol": gone.symbol, "run": gone.run, "shares": gone.shares, "order": gone.order, "status": "removed"}
        )  # fmt: skip
    for failure in evening.failures:
        writer.writerow(
            {"symbol": failure.symbol, "run": failure.run, "status": "failed", "reason": failure.reason}
        )  # fmt: skip
    return text.getvalue()
