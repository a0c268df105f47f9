"""Every model by name, what it is called and how it is drawn; known without the network library. docs/models.md.

Networks are cells x topologies: "lstm" reads a window and gives one answer, "lstm_encoder_decoder" is the same cell in
another topology. On a page a network has the colour of its cell; its dash tells topologies apart too. References are
what networks are compared with: benchmarks and baselines.
"""

import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from pipelines.user_code import is_user_code

Colour = tuple[str, str]
"""A colour on light and on dark paper."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One kind of network. label: for people, inside a sentence. dash: strokes and gaps in pixels, none for a solid
    line. like: the cell whose sums it has, where only the weights that training begins with (or the number of units)
    are its own. recurrent: whether it reads bar by bar and keeps a state."""

    label: str
    colour: Colour
    dash: tuple[int, ...]
    like: str
    recurrent: bool = True


@dataclass(frozen=True, kw_only=True)
class Topology:
    """What a network reads and what it answers. label: behind the cell's. dash: strokes and gaps behind the cell's.
    path: whether it forecasts the returns of the next bars one by one, and not a probability. bar: whether it reads the
    latest bar alone."""

    label: str
    dash: tuple[int, ...]
    path: bool = False
    bar: bool = False


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A benchmark or baseline. label, colour, dash: as a cell's."""

    label: str
    colour: Colour
    dash: tuple[int, ...]


CELLS = {
    "simple_rnn": Cell(label="SimpleRNN", colour=("#c65500", "#f08a4b"), dash=(6, 2), like="simple_rnn"),
    "lstm": Cell(label="LSTM", colour=("#0072b2", "#5cb8ee"), dash=(), like="lstm"),
    "simple_rnn_wide": Cell(label="wide SimpleRNN", colour=("#9a7400", "#d9b84a"), dash=(3, 2), like="simple_rnn"),
    "lstm_chrono": Cell(label="chrono LSTM", colour=("#7a4fa3", "#b79ae0"), dash=(12, 2), like="lstm"),
    "irnn": Cell(label="IRNN", colour=("#b03060", "#f08bb0"), dash=(5, 5), like="irnn"),
    "gru": Cell(label="GRU", colour=("#2f7d4f", "#6cc08c"), dash=(8, 2, 2, 2), like="gru"),
    "dense": Cell(label="dense network", colour=("#5b6b00", "#b7c85a"), dash=(3, 4), like="dense", recurrent=False),
    "cnn": Cell(label="CNN", colour=("#00707a", "#4cc3cc"), dash=(7, 4), like="cnn", recurrent=False),
}
TOPOLOGIES = {
    "many_to_one": Topology(label="", dash=()),
    "in_step": Topology(label="in step", dash=(1, 2)),
    "encoder_decoder": Topology(label="encoder-decoder", dash=(1, 2, 1, 2), path=True),
    "one_to_many": Topology(label="one-to-many", dash=(1, 6), path=True, bar=True),
    "one_to_one": Topology(label="one-to-one", dash=(1, 2, 1, 6), bar=True),
}
_BASELINE = ("#a8487e", "#d98ab8")
REFERENCES = {
    "buy_and_hold": Reference(label="buy and hold", colour=("#3d434a", "#cfd4d9"), dash=(2, 2)),
    "cash": Reference(label="cash", colour=("#80878f", "#8d959e"), dash=(9, 4, 2, 4)),
    "same_exposure": Reference(label="same exposure", colour=("#59616b", "#a0a9b3"), dash=(4, 3, 1, 3)),
    "base_rate": Reference(label="base rate", colour=("#80878f", "#8d959e"), dash=(2, 5)),
    "previous_sign": Reference(label="last direction", colour=_BASELINE, dash=(1, 3)),
    "logistic": Reference(label="logistic regression", colour=_BASELINE, dash=(10, 3)),
    "boosting": Reference(label="gradient boosting", colour=_BASELINE, dash=(4, 4)),
    "best_baseline": Reference(label="best baseline", colour=_BASELINE, dash=(2, 3)),
}
JUDGED = "judged"
"""What stands before the name of a model whose forecasts another program made: "judged:arima"."""
OWN_BASELINE = "baseline"
"""What stands before the name of a baseline of a person's own: "baseline:my_models:Ridge"."""
_ELSEWHERE = (  # colours of models that no table can list, chosen by their name
    ("#8a5a00", "#e0b050"), ("#1d6f8f", "#6cc3e0"), ("#8f3d1d", "#e8956c"),
    ("#4d6b1d", "#a8cf6c"), ("#6b3d8f", "#c39ae8"), ("#1d8f74", "#6ce0c3"),
)  # fmt: skip
_STROKES = ((), (14, 3), (10, 2, 3, 2), (6, 3), (4, 2, 1, 2), (11, 4, 2, 4))
_UNBROKEN = (16, 2)  # of a solid line, where the dash of a topology follows
_PARTS = {cell: (cell, "many_to_one") for cell in CELLS} | {
    f"{cell}_{topology}": (cell, topology)
    for cell, kind in CELLS.items()
    if kind.recurrent
    for topology in TOPOLOGIES
    if topology != "many_to_one"
}

MODELS = tuple(_PARTS)
LISTED = f"{', '.join(CELLS)}, or one of the first six with _in_step, _encoder_decoder, _one_to_many, _one_to_one"
"""MODELS for a person, who would not read forty names."""

DEFAULT_MODELS = ("simple_rnn", "lstm", "simple_rnn_wide")
SAME_UNITS = ("lstm", "simple_rnn")
SAME_PARAMETERS = ("lstm", "simple_rnn_wide")


def cell(model: str) -> str:
    """The name of a model's cell: "lstm" of "lstm_in_step"."""
    return _PARTS[model][0]


def topology(model: str) -> str:
    """The name of a model's topology: "in_step" of "lstm_in_step", "many_to_one" of "lstm" and of a person's own."""
    if is_own_network(model):
        return "many_to_one"
    return _PARTS[model][1]


def path(model: str) -> bool:
    """Whether a model forecasts the next bars one by one; False for what is no network."""
    return model in _PARTS and TOPOLOGIES[topology(model)].path


def label(model: str) -> str:
    """A model's name for people, as it stands inside a sentence: "LSTM", "wide SimpleRNN", "LSTM encoder-decoder", "buy
    and hold", "same exposure as LSTM".

    Raises
    ------
    KeyError
        There is no such model.
    """
    if model in _PARTS:
        return f"{CELLS[cell(model)].label} {TOPOLOGIES[topology(model)].label}".strip()
    reference, _, network = model.partition(":")
    if is_unlisted(model):
        return model.rpartition(":")[2] if not is_judged(model) else network
    return REFERENCES[reference].label + (f" as {label(network)}" if network else "")


def colour(model: str) -> str:
    """The name in `PALETTE` of a model's colour: its cell's, of a reference its own or that of the network it follows.

    Raises
    ------
    KeyError
        There is no such model.
    """
    reference, _, network = model.partition(":")
    reference_model = model if is_unlisted(model) else network or reference
    if is_unlisted(reference_model):
        return f"{JUDGED}-{_look(reference_model) % len(_ELSEWHERE)}"
    name = cell(reference_model) if reference_model in _PARTS else reference_model
    if name not in PALETTE:
        raise KeyError(model)
    return name


def dash(model: str) -> tuple[int, ...]:
    """Strokes and gaps of a line in pixels, none where it is solid; no other model of the same colour has the same."""
    reference, _, network = model.partition(":")
    if is_unlisted(model):
        number = _look(model) // len(_ELSEWHERE)
        return _STROKES[number] if number < len(_STROKES) else (2 * number, 3, 2, 3)
    strokes = CELLS[cell(model)].dash if model in _PARTS else REFERENCES[reference].dash
    reference_model = network or model
    dots = (
        ()
        if reference_model in REFERENCES or is_unlisted(reference_model)
        else TOPOLOGIES[topology(reference_model)].dash
    )
    return (strokes or _UNBROKEN) + dots if dots else strokes


def is_judged(model: str) -> bool:
    """Whether a model's forecasts were made by another program."""
    prefix, colon, name = model.partition(":")
    return prefix == JUDGED and bool(colon and name)


def own_baseline(name: str) -> str:
    """What a baseline of a person's own, `module:Class`, is called as a model; its name where it is not one."""
    return f"{OWN_BASELINE}:{name}" if is_user_code(name) else name


def is_own_baseline(model: str) -> bool:
    """Whether a model is a baseline of a person's own."""
    prefix, _, name = model.partition(":")
    return prefix == OWN_BASELINE and is_user_code(name)


def is_own_network(model: str) -> bool:
    """Whether a model is a network of a person's own, `module:function`."""
    return is_user_code(model) and model.partition(":")[0] not in (*REFERENCES, JUDGED, OWN_BASELINE)


def is_unlisted(model: str) -> bool:
    """Whether a model stands in no table here: another program's, or a person's own."""
    return is_judged(model) or is_own_baseline(model) or is_own_network(model)


_PAGE: ContextVar[tuple[str, ...]] = ContextVar("models of the page that is drawn", default=())


@contextmanager
def side_by_side(models: Iterable[str]) -> Iterator[None]:
    """Within the block no two of these models look the same, in whatever table they stand or do not stand."""
    reset = _PAGE.set(tuple(sorted({model for model in models if is_unlisted(model)})))
    try:
        yield
    finally:
        _PAGE.reset(reset)


def _look(model: str) -> int:
    """Which look a model without a table has: by its name, the same on every machine; the next that is free on a page
    where another one has it."""
    beside = _PAGE.get() if model in _PAGE.get() else (model,)
    looks = max(len(_ELSEWHERE) * len(_STROKES), len(beside))
    taken: dict[int, str] = {}
    for name in beside:
        number = zlib.crc32(name.encode()) % looks
        while number in taken:
            number = (number + 1) % looks
        taken[number] = name
    return next(number for number, name in taken.items() if name == model)


PALETTE: dict[str, Colour] = {
    **{name: entry.colour for name, entry in (CELLS | REFERENCES).items()},
    **{f"{JUDGED}-{number}": colour for number, colour in enumerate(_ELSEWHERE)},
}
