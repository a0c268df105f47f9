"""Templates + figures -> an HTML file. The chart library lies beside the pages, or inside one that travels."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.config import model_registry
from pipelines.files import write_atomically

if TYPE_CHECKING:
    from jinja2 import Environment

Figure = dict[str, Any]

LIBRARY = "plotly-basic-4.1.1.min.js"
"""plotly.js, the bundle of lines and bars (MIT licence), as npm has it: plotly.js-basic-dist-min."""

_TEMPLATES = Path(__file__).parent / "templates"


def write_page(
    path: Path, *, template: str, figures: Mapping[str, Figure], standalone: bool = False, **context: Any
) -> Path:
    """Renders a template with its figures and writes it; returns the path.

    figures: by the name in data-chart; what a reader without pictures is told stands in their "alt". standalone: the
    chart library goes into the page; otherwise it is written beside it, where it is not there yet.
    """
    html = environment().get_template(template).render(
        **context,
        alt={name: figure["alt"] for name, figure in figures.items()},
        figures=script_json({name: _drawn(figure) for name, figure in figures.items()}),
        library=LIBRARY,
        inlined=(_TEMPLATES / LIBRARY).read_text(encoding="utf-8") if standalone else None,
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
    loaded.globals["palette"] = model_registry.PALETTE
    loaded.filters["whole"] = lambda text: text.replace(" %", "\u00a0%").replace("p = ", "p\u00a0=\u00a0")
    return loaded


def script_json(content: Any) -> str:
    """JSON that may stand inside <script>: it can neither close it nor open anything else."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _drawn(figure: Figure) -> Figure:
    return {name: part for name, part in figure.items() if name != "alt"}


def _share_library(folder: Path) -> None:
    """Puts the chart library into the folder, unless the very same one is there."""
    source, shared = _TEMPLATES / LIBRARY, folder / LIBRARY
    if not shared.is_file() or shared.stat().st_size != source.stat().st_size:
        write_atomically(shared, source.read_bytes())
