"""Templates + figures -> an HTML file. The chart library lies beside the pages, or inside one that travels."""

import base64
import gzip
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forecast.config import model_registry
from forecast.report import formatting
from pipelines.files import write_atomically

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

Figure = dict[str, Any]

LIBRARY = "plotly-basic-4.1.1.min.js"
"""plotly.js, the bundle of lines and bars (MIT licence), as npm has it: plotly.js-basic-dist-min."""

_TIME = re.compile(r"\d{4}-\d\d-\d\d(T[\d:.]+)?")
_UNBROKEN = re.compile(r"\(?(?:\b\d{4}-\d\d-\d\d\b|(?<![\w-])--[a-z][a-z-]*)[).,;:]*")
_TEMPLATES = Path(__file__).parent / "templates"


def write_page(
    path: Path, *, template: str, figures: Mapping[str, Figure], standalone: bool = False, **context: Any
) -> Path:
    """Renders a template with its figures and writes it; returns the path.

    figures: by the name in data-chart; what a reader without pictures is told stands in their "alt". standalone: the
    chart library goes into the page, packed; otherwise it is written beside it, where it is not there yet.
    """
    html = environment().get_template(template).render(
        **context,
        alt={name: figure["alt"] for name, figure in figures.items()},
        figures=script_json(compacted(figures)),
        library=LIBRARY,
        packed=_packed_library() if standalone else None,
    )  # fmt: skip
    if not standalone:
        _share_library(path.parent)
    return write_atomically(path, html.encode())


def environment() -> "Environment":
    """The templates of forecast/report/templates; whatever a variable holds is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loaded = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    loaded.globals |= {
        "palette": model_registry.PALETTE,
        "confidence": formatting.CONFIDENCE,
        "power_level": formatting.POWER,
        "false_claims": formatting.FALSE_CLAIMS,
    }
    loaded.filters["whole"] = unbroken
    return loaded


def unbroken(text: str) -> "Markup":
    """A sentence as HTML whose dates, options, percentages and p-values are not broken over two lines."""
    from markupsafe import Markup, escape

    spaced = str(escape(text)).replace(" %", "\u00a0%").replace("p = ", "p\u00a0=\u00a0")
    return Markup(_UNBROKEN.sub(r'<span class="unbroken">\g<0></span>', spaced))  # noqa: S704  # escaped above


def script_json(content: Any) -> str:
    """JSON that may stand inside <script>: it can neither close it nor open anything else."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def compacted(figures: Mapping[str, Figure]) -> dict[str, Any]:
    """The figures with every time written once: charts of one page share most of their times.

    Returns "figures", whose times along x are places in "times": the times of all time axes, and of all axes without
    gaps (a plotly category axis), each as a first one (milliseconds UTC) and the steps from one to the next.
    """
    plots = {name: {key: part for key, part in figure.items() if key != "alt"} for name, figure in figures.items()}
    axes: dict[str, list[tuple[str, int, NDArray[np.int64]]]] = {}
    for name, figure in plots.items():
        kind = "gapless" if figure["layout"].get("xaxis", {}).get("type") == "category" else "date"
        for place, trace in enumerate(figure["data"]):
            if (moments := _milliseconds(trace.get("x"))) is not None:
                axes.setdefault(kind, []).append((name, place, moments))
    times = {}
    for kind, uses in axes.items():
        moments = np.unique(np.concatenate([axis for _, _, axis in uses]))
        step = next(step for step in (86_400_000, 1_000, 1) if not np.any(moments % step))
        times[kind] = {"first": int(moments[0]), "step": step, "gaps": (np.diff(moments) // step).tolist()}
        for name, place, axis in uses:
            at = np.searchsorted(moments, axis)
            traces = list(plots[name]["data"])
            traces[place] = {**traces[place], "x": {"kind": kind, **_places(at)}}
            plots[name]["data"] = traces
    return {"figures": plots, "times": times}


def _milliseconds(values: Any) -> "NDArray[np.int64] | None":
    """A list of ISO times as milliseconds UTC, None for any other."""
    if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
        return None
    if not _TIME.fullmatch(values[0]) or not _TIME.fullmatch(values[-1]):
        return None
    try:
        return np.array(values, dtype="datetime64[ms]").astype(np.int64)
    except ValueError:
        return None


def _places(at: "NDArray[np.int64]") -> dict[str, Any]:
    """Where each time stands: the first place and how many follow it, or the steps between them."""
    steps = np.diff(at)
    if np.all(steps == 1):
        return {"from": int(at[0]), "count": len(at)}
    return {"from": int(at[0]), "steps": steps.tolist()}


def _packed_library() -> str:
    """The chart library as text that a page unpacks (gzip, base64); its licence is in its first line."""
    return base64.b64encode(gzip.compress((_TEMPLATES / LIBRARY).read_bytes(), mtime=0)).decode()


def _share_library(folder: Path) -> None:
    """Puts the chart library into the folder, unless the very same one is there."""
    source, shared = _TEMPLATES / LIBRARY, folder / LIBRARY
    if not shared.is_file() or shared.stat().st_size != source.stat().st_size:
        write_atomically(shared, source.read_bytes())
