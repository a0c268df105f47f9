"""A panel's ranks, contributions and names as tables and sentences for a person."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from forecast.report import formatting
from forecast.report.sections.verdict import capital, name

_LISTED = 10  # symbols named at each end


def sentences(panel: Mapping[str, Any], networks: Sequence[str]) -> list[str]:
    """What the panel is, and how well its names were ranked; for the terminal and the page."""
    names, days = panel["names_per_day"], panel["days"]
    least, most = names["min"], names["max"]
    mean = f" ({formatting.number(names['mean'], 1)} on average)"
    per_day = f"{most} names at every decision" if least == most else f"{least} to {most} names at a decision{mean}"
    size = f"{panel['symbols']} symbols on {formatting.count(days)} days, {per_day}"
    texts = [f"{size}; days are the clusters of every interval."]
    for model in networks:
        ic, spread = panel["rank_ic"][model], panel["quantiles"][model]["spread"]
        inside = panel["in_symbols"][model]
        ic_t = "" if ic["t"] is None else f" (t {formatting.number(ic['t'], 1)})"
        spread_t = "" if spread["t"] is None else f" (t {formatting.number(spread['t'], 1)})"
        groups = len(panel["quantiles"][model]["returns"])
        replaced = formatting.number(panel["replaced_per_day"][model], 1)
        texts.append(
            f"{capital(name(model))}: rank IC {formatting.number(ic['mean'], 3)} per day{ic_t}; the highest of "
            f"{groups} groups less the lowest {formatting.number(1e4 * spread['mean'], 1)} basis points "
            f"per day{spread_t}; rank score above zero in {inside['positive']} of {inside['of']} symbols; {replaced} "
            "names replaced per day."
        )
    if not panel["membership"]:
        texts.append(
            "No days of membership were given: the symbols were chosen with hindsight, which flatters all results "
            "(survivorship bias)."
        )
    if left_out := panel["unsuitable"]:
        texts.append(f"Left out as unsuitable: {', '.join(sorted(left_out))}.")
    return texts


def ranks(panel: Mapping[str, Any], models: Sequence[str]) -> dict[str, Any]:
    """Rank information coefficient, spread and hit rates, a row a score and a column a model."""
    writes: list[tuple[str, Callable[[str], str]]] = [
        ("Rank IC per day", lambda model: formatting.number(panel["rank_ic"][model]["mean"], 3)),
        ("t of the rank IC", lambda model: _optional(panel["rank_ic"][model]["t"], 1)),
        (
            "Highest less lowest group, basis points per day",
            lambda model: _points(panel["quantiles"][model]["spread"]["mean"]),
        ),
        ("t of highest less lowest", lambda model: _optional(panel["quantiles"][model]["spread"]["t"], 1)),
        ("Rises in the lowest group", lambda model: _share(panel["quantiles"][model]["hit_rates"][0])),
        ("Rises in the highest group", lambda model: _share(panel["quantiles"][model]["hit_rates"][-1])),
        ("Rank score above zero in symbols", lambda model: "{positive} of {of}".format(**panel["in_symbols"][model])),
        ("Names long, on average", lambda model: formatting.number(panel["names_held"][model]["long"], 1)),
        ("Names short, on average", lambda model: formatting.number(panel["names_held"][model]["short"], 1)),
        ("Names replaced per day", lambda model: formatting.number(panel["replaced_per_day"][model], 1)),
        ("Account whose median trade is 1 % of a day's volume", lambda model: _money(panel, model, "median")),
        ("Account of which 95 % of trades stay below it", lambda model: _money(panel, model, "p95")),
    ]
    return _table(models, [(label, [write(model) for model in models]) for label, write in writes])


def years(panel: Mapping[str, Any], models: Sequence[str]) -> dict[str, Any]:
    """Net return of each account and year."""
    by_year = panel["by_year"]
    rows = [(year, [formatting.percent(by_year[model][year]) for model in models]) for year in by_year[models[0]]]
    return _table(models, rows)


def symbols(panel: Mapping[str, Any], networks: Sequence[str]) -> dict[str, Any]:
    """Every symbol, the one that added most to the first network's account at the top."""
    columns = ["Days"]
    for model in networks:
        columns += [f"{formatting.label(model)}: {measure}" for measure in ("rank score", "shrunk", "contribution")]
    order = sorted(panel["by_symbol"], key=lambda symbol: -symbol["contribution"][networks[0]])
    rows = []
    for symbol in order:
        cells = [formatting.count(symbol["days"])]
        for model in networks:
            cells += [
                formatting.number(symbol["rank_score"][model], 3),
                formatting.number(symbol["rank_score_shrunk"][model], 3),
                formatting.percent(symbol["contribution"][model]),
            ]
        rows.append((symbol["symbol"], cells))
    return {"columns": columns, "rows": [{"name": label, "cells": _cells(cells)} for label, cells in rows]}


def _table(models: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> dict[str, Any]:
    return {
        "columns": [formatting.label(model) for model in models],
        "rows": [{"name": label, "cells": _cells(cells)} for label, cells in rows],
    }


def _cells(values: Sequence[str]) -> list[dict[str, str]]:
    return [{"value": value, "spread": ""} for value in values]


def _optional(value: float | None, digits: int) -> str:
    return "–" if value is None else formatting.number(value, digits)


def _money(panel: Mapping[str, Any], model: str, which: str) -> str:
    capacity = panel.get("capacity", {}).get(model)
    return formatting.money(capacity[which], capacity["currency"]) if capacity else formatting.DASH


def _points(value: float) -> str:
    return formatting.number(1e4 * value, 1)


def _share(value: float | None) -> str:
    return "–" if value is None else formatting.percent(value)
