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


Orders = Mapping[tuple[str, str], Order]
"""Of each (run, symbol) its order."""


def orders(evening: Evening, *, cash: float) -> Orders:
    """Shares are counted at the close of a change and kept until the next: orders add up to them."""
    share = cash / max(1, len(evening.answers) + len(evening.failures))
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    for answer in evening.answers:
        run = answer.live.run
        if isinstance(answer, PanelAnswer):
            counts |= {(run, symbol): of_symbol for symbol, of_symbol in answer.shares(share).items()}
        else:
            counts[run, answer.live.symbol] = answer.shares(share)
    return {name: Order(shares=shares, order=shares - before) for name, (before, shares) in counts.items()}


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
    ordered = orders(evening, cash=cash) if cash is not None else {}
    if form == "json":
        print_json(
            {
                "runs": [change(answer, ordered, now=now) for answer in listed],
                "failed": [asdict(failure) for failure in evening.failures],
                "notes": list(evening.notes),
            }
        )
    elif form == "csv":
        click.echo(_csv(evening, listed, ordered, now=now, changed_only=changed_only), nl=False)
    else:
        _table(listed, ordered, now=now, changed_only=changed_only)
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
    if len(currencies := set().union(*map(_currencies, listed))) > 1 and cash is not None:
        settings.note(f"Prices are in {', '.join(sorted(currencies))}: each share of --cash is taken in that currency.")


def _currencies(answer: Answer | PanelAnswer) -> set[str]:
    return {line.currency for line in answer.lines} if isinstance(answer, PanelAnswer) else {answer.entry.currency}


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


def _table(listed: Sequence[Answer | PanelAnswer], ordered: Orders, *, now: np.datetime64, changed_only: bool) -> None:
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
            for row in _rows(answer, changed_only=changed_only)
            if row.panel is None or row.position or row.previous
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


def _rows(answer: Answer | PanelAnswer, *, changed_only: bool) -> list[_Row]:
    if isinstance(answer, PanelAnswer):
        return [
            _Row(
                symbol=line.symbol, panel=answer.live.symbol, signal=line.signal, probability=line.probability,
                position=line.position, previous=line.previous, changed=line.changed, agreement=line.agreement,
                price=line.price, currency=line.currency, decided_at=line.decided_at,
            )
            for line in answer.lines
            if line.changed or not changed_only
        ]  # fmt: skip
    entry = answer.entry
    return [
        _Row(
            symbol=answer.live.symbol, panel=None, signal=entry.traded.signal, probability=entry.traded.probability,
            position=entry.traded.position, previous=answer.previous, changed=answer.changed,
            agreement=answer.agreement, price=entry.price, currency=entry.currency, decided_at=entry.decided_at,
        )
    ]  # fmt: skip


def _order_cells(order: Order | None) -> list[str]:
    return [formatting.DASH] * 2 if order is None else [formatting.count(order.shares), order.text]


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
    rows = [(answer, row) for answer in listed for row in _rows(answer, changed_only=changed_only)]
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
    for failure in evening.failures:
        writer.writerow(
            {"symbol": failure.symbol, "run": failure.run, "status": "failed", "reason": failure.reason}
        )  # fmt: skip
    return text.getvalue()
