"""One run -> one page, with all its numbers inside."""

import hashlib
import html
import re
import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from forecast.config.experiment import COMBINATORIAL
from forecast.config.model_registry import JUDGED, side_by_side
from forecast.config.trading import TradingConfig, current_names
from forecast.report import formatting
from forecast.report.charts import path_forecasts, trades, training
from forecast.report.context import PageContext, gather
from forecast.report.document import script_json, write_page
from forecast.report.pages import tear_sheet
from forecast.report.pages.panel import write_panel
from forecast.report.sections import judged, power, robustness, sensitivity, tables
from forecast.report.sections.notes import trading_notes
from forecast.report.sections.trades import trade_lists
from forecast.report.sections.verdict import capital, joined, verdict_text
from forecast.runs.run import Run
from forecast.statistics.verdict import Verdict
from forecast.studies.power_results import PowerStudy
from pipelines.errors import RunError

_REMEMBERED = ("gradient", "occlusion")
_LONGEST_NAME = 120  # letters of a backtest in the name of its page


def write_report(
    run: Run,
    *,
    backtest: str,
    folder: Path,
    calibrations: Sequence[PowerStudy] = (),
    standalone: bool = False,
) -> Path:
    """Writes `<folder>/<run-id>.html` for the run's newest backtest, `<run-id>.<backtest>.html` for another one.

    Returns the path. calibrations: what is known of the experiment's power. standalone: with the chart library inside.

    Raises:
        RunError: the run or the backtest is missing or damaged.
    """
    if run.is_panel:
        page = _clear_place(run, backtest, folder=folder)
        return write_panel(run, backtest=backtest, path=page, standalone=standalone)
    context = gather(run, backtest=backtest)
    try:
        with side_by_side(context.models):
            variables = _variables(context, calibrations)
    except (KeyError, TypeError) as error:
        raise RunError(f"The files of run {run.name} do not hold {error}. Train it again: forecast train.") from error
    path = _clear_place(run, backtest, folder=folder)
    return write_page(path, template="report.html.j2", standalone=standalone, backtest=backtest, **variables)


def backtest_page(run: str, backtest: str) -> str:
    """The file name of the page of a backtest that is not the run's newest."""
    if len(backtest) > _LONGEST_NAME:
        backtest = f"{backtest[:_LONGEST_NAME]}-{hashlib.sha256(backtest.encode()).hexdigest()[:8]}"
    return f"{run}.{backtest}.html"


def _clear_place(run: Run, backtest: str, *, folder: Path) -> Path:
    """Where a page belongs: the newest backtest's is the run's, and the page of an older one moves aside for it."""
    main, names = folder / f"{run.name}.html", run.backtests()
    if names and backtest != names[-1]:
        return folder / backtest_page(run.name, backtest)
    before = _backtest_of(main)
    if before != backtest and before in names:
        main.replace(folder / backtest_page(run.name, before))
    (folder / backtest_page(run.name, backtest)).unlink(missing_ok=True)
    return main


def _backtest_of(page: Path) -> str:
    """The backtest that a page is about, "" where it does not say."""
    try:
        with page.open(encoding="utf-8", errors="replace") as file:
            meta = re.search(r'<meta name="backtest" content="([^"]*)">', file.read(2_000))
    except FileNotFoundError:
        return ""
    return html.unescape(meta[1]) if meta else ""


def _variables(context: PageContext, calibrations: Sequence[PowerStudy]) -> dict[str, Any]:
    verdict = Verdict.from_json(context.metrics["verdict"])
    lists = trade_lists(context)
    small, fans, steps = (
        training.learning(context),
        path_forecasts.fans(context),
        path_forecasts.loss_by_step(context),
    )
    figures = {
        **tear_sheet.figures(context, verdict),
        "prices": trades.prices(context),
        "folds": training.folds(context),
        "reliability": robustness.reliability(context),
        **sensitivity.figures(context),
        **{f"learning-{number}": figure for number, (_, figure) in enumerate(small)},
        **{f"memory-{name}": context.memory["figures"][name] for name in _REMEMBERED if context.memory is not None},
        **{f"fan-{number}": figure for number, (_, figure) in enumerate(fans)},
        **({"steps": steps} if steps else {}),
    }
    return {
        "title": f"{context.symbol}: {capital(joined(list(map(formatting.within, context.networks))))}",
        "eyebrow": _eyebrow(context),
        "verdict": verdict_text(context.metrics, symbol=context.symbol),
        "done": _procedure(context),
        "judged": judged.origin(context),
        "unvalidated": not context.about.get("judged", {"validation_rows": True})["validation_rows"],
        "unseeded": not any(len(context.seeds(model)) > 1 for model in context.networks),
        "learning": [title for title, _ in small],
        "fans": [title for title, _ in fans],
        "figures": figures,
        **tear_sheet.sections(context, verdict),
        "joined": figures["prices"]["joined"],
        "lists": lists,
        "trade_rows": script_json(lists),
        "years_long": sensitivity.per_year(context),
        "learned": tables.learned(context, verdict),
        "more_lines": any(trace.get("visible") == "legendonly" for trace in figures["growth"]["data"]),
        "scale": figures["growth"]["layout"]["yaxis"]["type"],
        "prediction": tables.prediction(context),
        "paths": tables.paths(context),
        "vetoes": robustness.vetoes(context),
        "checks": robustness.answers(context),
        "measured": power.measured(context, calibrations),
        "memory": context.memory,
        "memory_page": f"{context.name}-memory.html",
        "inspect": f"forecast inspect {shlex.quote(context.name)}" if _inspectable(context) else "",
        "folds": tables.folds(context),
        "setup": tables.setup(context),
        "intraday": not context.daily,
        "cost": _cost(context),
        "notes": trading_notes(context.metrics.get("trading") or {}),
        "horizon": int(context.about["config"].get("horizon") or 1),
        "run": context.name,
        "created": _moment(context.about.get("created_at")),
        "commands": _commands(context),
    }  # fmt: skip


def _inspectable(context: PageContext) -> bool:
    """Whether `forecast inspect` takes the run: trained here, walk-forward, with a network that did not diverge."""
    config = context.about["config"]
    diverged = {member["model"] for member in context.about.get("diverged", ())}
    trained = config.get("split") != COMBINATORIAL and context.about.get("kind") != JUDGED
    return trained and any(model not in diverged for model in config.get("models") or ())


def _eyebrow(context: PageContext) -> str:
    period, config = context.metrics["period"], context.about["config"]
    kind = str(config.get("bars") or config.get("interval") or "")
    bars = {"1d": "daily bars", "1wk": "weekly bars"}.get(kind, f"{kind} bars")
    if kind.startswith("tick:"):
        bars = f"bars of {kind.removeprefix('tick:')} trades"
    days = dict.fromkeys([formatting.day(period["first"]), formatting.day(period["last"])])
    return f"{context.symbol} · {bars} · {' to '.join(days)}"


def _procedure(context: PageContext) -> str:
    """What was done, in one line."""
    if "judged" in context.about:
        return judged.procedure(context, cost=_cost(context))
    config, period = context.about["config"], context.metrics["period"]
    networks, sizes = _sizes(context)
    policy = str(context.policy.get("policy", "")).replace("-", " or ")
    if paths := context.metrics.get("paths"):
        count = len(paths[context.networks[0]]["sharpe"]["paths"])
        folds = formatting.plural(len(context.about["folds"]), "fold")
        tested = config.get("test_groups", config.get("tested", "?"))
        return (
            f"{networks[:1].upper()}{networks[1:]} in {folds} of combinatorial purged cross-validation: "
            f"{config.get('groups', '?')} groups, {tested} of them tested at a time, the networks "
            f"trained on the others before and after; {formatting.plural(count, 'path')} through all groups."
        )
    return (
        f"{networks[:1].upper()}{networks[1:]}, {sizes}, read the last "
        f"{config.get('window', '?')} bars and predicted the probability of a rise; "
        f"{formatting.plural(len(context.about['folds']), 'fold')} in time order, "
        f"{formatting.plural(len(context.about.get('seeds') or []), 'seed')} each; their mean probability was traded "
        f"{policy} over "
        f"{formatting.plural(period['bars'], 'bar')} that no network had seen, at the next open, "
        f"paying {_cost(context)} on every change of position."
    )


def _sizes(context: PageContext) -> tuple[str, str]:
    """The networks by name, and how many units they have."""
    tuned = bool(context.about.get("tuning"))
    units = "tuned" if tuned else context.about["config"].get("units", "?")
    lstm = "an LSTM of the units chosen for it" if tuned else "the LSTM"
    wide = "simple_rnn_wide" in context.networks
    labels = [
        f"{'an' if formatting.within(model)[0] in 'IL' else 'a'} {formatting.within(model)}"
        for model in context.networks
    ]
    joined = f"{', '.join(labels[:-1])} and {labels[-1]}" if len(labels) > 1 else "".join(labels)
    return joined, f"{units} units each" + (
        f" but for the wide one, which has as many parameters as {lstm}" if wide else ""
    )


def _cost(context: PageContext) -> str:
    policy = context.policy
    total = TradingConfig.from_json(policy).costs.basis_points
    text = f"{total:g} basis point{'' if total == 1 else 's'}"
    if policy.get("spread") == "bars":
        text += " and an estimated half-spread"
    for part, base in (("borrow_rate", "what was sold short"), ("financing_rate", "what was borrowed to buy")):
        if policy.get(part):
            text += f", {formatting.percent(policy[part])} per year on {base},"
    return text


def _commands(context: PageContext) -> list[str]:
    options = {name: value for name, value in context.policy.items() if name not in ("chosen_bands", "spread")}
    flags = " ".join(
        f"--{name.replace('_', '-')} {formatting.value(value)}" for name, value in current_names(options).items()
    )
    flags += " --half-spread auto" if context.policy.get("spread") == "bars" else ""
    run = shlex.quote(context.name)
    training = [str(context.about["command"])] if context.about.get("command") else []
    return [*training, f"forecast backtest {run} {flags}", f"forecast report {run}"]


def _moment(text: Any) -> str:
    try:
        return f"{datetime.fromisoformat(str(text)):%Y-%m-%d %H:%M}"
    except ValueError:
        return "at an unknown time"
