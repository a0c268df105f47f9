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
from forecast.config.trading import current_names
from forecast.diagnostics.numpy_cells import GATES
from forecast.report import formatting
from forecast.report.charts import equity, path_forecasts, trades, training
from forecast.report.context import PageContext, gather
from forecast.report.document import script_json, write_page
from forecast.report.pages import tear_sheet
from forecast.report.pages.panel import write_panel
from forecast.report.sections import judged, power, robustness, sensitivity, tables
from forecast.report.sections.notes import trading_notes
from forecast.report.sections.trades import trade_lists
from forecast.report.sections.verdict import verdict_text
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
        page = _place(run, backtest, folder=folder)
        return write_panel(run, backtest=backtest, path=page, standalone=standalone)
    material = gather(run, backtest=backtest)
    try:
        context = _context(material, calibrations)
    except (KeyError, TypeError) as error:
        raise RunError(f"The files of run {run.name} do not hold {error}. Train it again: forecast train.") from error
    path = _place(run, backtest, folder=folder)
    return write_page(path, template="report.html.j2", standalone=standalone, backtest=backtest, **context)


def backtest_page(run: str, backtest: str) -> str:
    """The file name of the page of a backtest that is not the run's newest."""
    if len(backtest) > _LONGEST_NAME:
        backtest = f"{backtest[:_LONGEST_NAME]}-{hashlib.sha256(backtest.encode()).hexdigest()[:8]}"
    return f"{run}.{backtest}.html"


def _place(run: Run, backtest: str, *, folder: Path) -> Path:
    """Where a backtest's page belongs; the newest one's is the run's, and the page that was there moves aside."""
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


def _context(material: PageContext, calibrations: Sequence[PowerStudy]) -> dict[str, Any]:
    verdict = Verdict.from_json(material.metrics["verdict"])
    lists = trade_lists(material)
    small, fans, steps = (
        training.learning(material),
        path_forecasts.fans(material),
        path_forecasts.loss_by_step(material),
    )
    figures = {
        **tear_sheet.figures(material, verdict),
        "prices": trades.prices(material),
        "folds": training.folds(material),
        "reliability": robustness.reliability(material),
        **sensitivity.figures(material),
        **{f"learning-{number}": figure for number, (_, figure) in enumerate(small)},
        **{f"memory-{name}": material.memory["figures"][name] for name in _REMEMBERED if material.memory is not None},
        **{f"fan-{number}": figure for number, (_, figure) in enumerate(fans)},
        **({"steps": steps} if steps else {}),
    }
    return {
        "title": f"{material.symbol}: {' and '.join(map(formatting.label, material.networks))}",
        "eyebrow": _eyebrow(material),
        "verdict": verdict_text(material.metrics, symbol=material.symbol),
        "done": _done(material),
        "judged": judged.origin(material),
        "learning": [title for title, _ in small],
        "fans": [title for title, _ in fans],
        "figures": figures,
        **tear_sheet.sections(material, verdict),
        "joined": figures["prices"]["joined"],
        "lists": lists,
        "trade_rows": script_json(lists),
        "years_long": sensitivity.per_year(material),
        "learned": tables.learned(material, verdict),
        "more_lines": any(trace.get("visible") == "legendonly" for trace in figures["growth"]["data"]),
        "scale": figures["growth"]["layout"]["yaxis"]["type"],
        "prediction": tables.prediction(material),
        "paths": tables.paths(material),
        "vetoes": robustness.vetoes(material),
        "checks": robustness.answers(material),
        "measured": power.measured(material, calibrations),
        "memory": material.memory,
        "memory_page": f"{material.name}-memory.html",
        "inspect": f"forecast inspect {shlex.quote(material.name)}" if _inspectable(material) else "",
        "folds": tables.folds(material),
        "setup": tables.setup(material),
        "intraday": not material.daily,
        "cost": _cost(material),
        "notes": trading_notes(material.metrics.get("trading") or {}),
        "horizon": int(material.about["config"].get("horizon") or 1),
        "run": material.name,
        "created": _moment(material.about.get("created_at")),
        "commands": _commands(material),
        "networks": [_drawn_as(material, each) for each in material.networks],
    }  # fmt: skip


def _inspectable(material: PageContext) -> bool:
    """Whether `forecast inspect` takes the run: walk-forward, with a plain SimpleRNN or LSTM that did not diverge."""
    config = material.about["config"]
    lost = {each["model"] for each in material.about.get("diverged", ())}
    plain = int(config.get("layers") or 1) == 1 and not config.get("bidirectional") and not config.get("layer_norm")
    walks = config.get("split") != COMBINATORIAL
    return plain and walks and any(model in GATES and model not in lost for model in config.get("models") or ())


def _drawn_as(material: PageContext, model: str) -> dict[str, str]:
    """A network's name, its number of parameters and its line, for a legend."""
    parameters = (material.about.get("parameters") or {}).get(model)
    size = f" ({formatting.count(parameters)} parameters)" if parameters else ""
    name = formatting.label(model)
    return {"name": name, "size": size, "colour": equity.colour(model), "dash": equity.dash(model)}


def _eyebrow(material: PageContext) -> str:
    period, config = material.metrics["period"], material.about["config"]
    kind = str(config.get("bars") or config.get("interval") or "")
    bars = {"1d": "daily bars", "1wk": "weekly bars"}.get(kind, f"{kind} bars")
    if kind.startswith("tick:"):
        bars = f"bars of {kind.removeprefix('tick:')} trades"
    days = dict.fromkeys([formatting.day(period["first"]), formatting.day(period["last"])])
    return f"{material.symbol} · {bars} · {' to '.join(days)}"


def _done(material: PageContext) -> str:
    """What was done, in one line."""
    if "judged" in material.about:
        return judged.done(material, cost=_cost(material))
    config, period = material.about["config"], material.metrics["period"]
    networks, sizes = _sizes(material)
    policy = str(material.policy.get("policy", "")).replace("-", " or ")
    if paths := material.metrics.get("paths"):
        count = len(paths[material.networks[0]]["sharpe"]["paths"])
        folds = formatting.plural(len(material.about["folds"]), "fold")
        tested = config.get("test_groups", config.get("tested", "?"))
        return (
            f"{networks[:1].upper()}{networks[1:]} in {folds} of combinatorial purged cross-validation: "
            f"{config.get('groups', '?')} groups, {tested} of them tested at a time, the networks "
            f"trained on the others before and after; {formatting.plural(count, 'path')} through all groups."
        )
    return (
        f"{networks[:1].upper()}{networks[1:]}, {sizes}, read the last "
        f"{config.get('window', '?')} bars and predicted the probability of a rise; "
        f"{formatting.plural(len(material.about['folds']), 'fold')} in time order, "
        f"{formatting.plural(len(material.about.get('seeds') or []), 'seed')} each; their mean probability was traded "
        f"{policy} over "
        f"{formatting.plural(period['bars'], 'bar')} that no network had seen, at the next open, "
        f"paying {_cost(material)} on every change of position."
    )


def _sizes(material: PageContext) -> tuple[str, str]:
    """The networks by name, and how many units they have."""
    units = "tuned" if material.about.get("tuning") else material.about["config"].get("units", "?")
    wide = "simple_rnn_wide" in material.networks
    named = [
        f"{'an' if formatting.within(each)[0] in 'IL' else 'a'} {formatting.within(each)}" for each in material.networks
    ]
    joined = f"{', '.join(named[:-1])} and {named[-1]}" if len(named) > 1 else "".join(named)
    return joined, f"{units} units each" + (", the wide one as many parameters as the LSTM" if wide else "")


def _cost(material: PageContext) -> str:
    policy = material.policy
    total = sum(float(policy.get(part) or 0) for part in ("fee_bps", "slippage_bps", "half_spread_bps"))
    text = f"{total:g} basis point{'' if total == 1 else 's'}"
    if policy.get("spread") == "bars":
        text += " and an estimated half-spread"
    for part, what in (("borrow_rate", "what was sold short"), ("financing_rate", "what was borrowed to buy")):
        if policy.get(part):
            text += f", {formatting.percent(policy[part])} a year on {what},"
    return text


def _commands(material: PageContext) -> list[str]:
    options = {name: given for name, given in material.policy.items() if name not in ("chosen_bands", "spread")}
    spoken = " ".join(
        f"--{name.replace('_', '-')} {formatting.value(given)}" for name, given in current_names(options).items()
    )
    spoken += " --half-spread auto" if material.policy.get("spread") == "bars" else ""
    run = shlex.quote(material.name)
    again = [str(material.about["command"])] if material.about.get("command") else []
    return [*again, f"forecast backtest {run} {spoken}", f"forecast report {run}"]


def _moment(text: Any) -> str:
    try:
        return f"{datetime.fromisoformat(str(text)):%Y-%m-%d %H:%M}"
    except ValueError:
        return "at an unknown time"
