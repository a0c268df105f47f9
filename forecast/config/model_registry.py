"""Which networks there are, by name: cells x topologies; known without the network library. docs/models.md draws them.

"lstm" reads a window and gives one answer; "lstm_encoder_decoder" is the same cell in another topology.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One kind of network. label: for people. like: the cell whose sums it has, where only the weights that training
    begins with (or the number of units) are its own. recurrent: whether it reads bar by bar and keeps a state."""

    label: str
    like: str
    recurrent: bool = True


@dataclass(frozen=True, kw_only=True)
class Topology:
    """What a network reads and what it answers. label: behind the cell's. path: whether it forecasts the returns of the
    next bars one by one, and not a chance. bar: whether it reads the latest bar alone."""

    label: str
    path: bool = False
    bar: bool = False


CELLS = {
    "simple_rnn": Cell(label="SimpleRNN", like="simple_rnn"),
    "lstm": Cell(label="LSTM", like="lstm"),
    "simple_rnn_wide": Cell(label="wide SimpleRNN", like="simple_rnn"),
    "lstm_chrono": Cell(label="chrono LSTM", like="lstm"),
    "irnn": Cell(label="IRNN", like="irnn"),
    "gru": Cell(label="GRU", like="gru"),
    "dense": Cell(label="dense network", like="dense", recurrent=False),
    "cnn": Cell(label="CNN", like="cnn", recurrent=False),
}
TOPOLOGIES = {
    "many_to_one": Topology(label=""),
    "in_step": Topology(label="in step"),
    "encoder_decoder": Topology(label="encoder-decoder", path=True),
    "one_to_many": Topology(label="one-to-many", path=True, bar=True),
    "one_to_one": Topology(label="one-to-one", bar=True),
}
_PARTS = {cell: (cell, "many_to_one") for cell in CELLS} | {
    f"{cell}_{topology}": (cell, topology)
    for cell, kind in CELLS.items()
    if kind.recurrent
    for topology in TOPOLOGIES
    if topology != "many_to_one"
}

MODELS = tuple(_PARTS)
KNOWN = f"{', '.join(CELLS)}, or one of the first six with _in_step, _encoder_decoder, _one_to_many, _one_to_one"
"""MODELS for a person, who would not read forty names."""

DEFAULT_MODELS = ("simple_rnn", "lstm", "simple_rnn_wide")
SAME_UNITS = ("lstm", "simple_rnn")
SAME_PARAMETERS = ("lstm", "simple_rnn_wide")


def cell(model: str) -> str:
    """The name of a model's cell: "lstm" of "lstm_in_step"."""
    return _PARTS[model][0]


def topology(model: str) -> str:
    """The name of a model's topology: "in_step" of "lstm_in_step", "many_to_one" of "lstm"."""
    return _PARTS[model][1]


def path(model: str) -> bool:
    """Whether a model forecasts the next bars one by one; False for what is no network."""
    return model in _PARTS and TOPOLOGIES[topology(model)].path


def label(model: str) -> str:
    """A network's name for people, as it stands inside a sentence: "LSTM", "wide SimpleRNN", "LSTM encoder-decoder"."""
    return f"{CELLS[cell(model)].label} {TOPOLOGIES[topology(model)].label}".strip()
