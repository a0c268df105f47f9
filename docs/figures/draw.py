"""Draws the figures of docs/concepts.md: python docs/figures/draw.py. Grey and two colours: light and dark pages."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from forecast.diagnostics.numpy_cells import Weights, backward, forward
from forecast.networks.initializers import glorot_uniform, orthogonal

FOLDER = Path(__file__).parent
GREY, RNN, LSTM = "#8a8f98", "#d9822b", "#2f7ed8"
STEPS, UNITS, ROWS = 60, 32, 64


def svg(name: str, parts: list[str], *, width: int, height: int, title: str) -> None:
    marker = (
        f'<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        f'orient="auto-start-reverse"><path d="M0,0 L10,5 L0,10 z" fill="{GREY}"/></marker></defs>'
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'font-family="sans-serif" font-size="13" fill="{GREY}"><title>{title}</title>{marker}'
    )
    (FOLDER / f"{name}.svg").write_text("\n".join([head, *parts, "</svg>\n"]), encoding="utf-8")


def box(x: float, y: float, *, width: float, height: float, colour: str = GREY, fill: str = "none") -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="3" stroke="{colour}" '
        f'stroke-width="1.6" fill="{fill}" fill-opacity="0.25"/>'
    )


def line(x1: float, y1: float, x2: float, y2: float, *, arrow: bool = True, colour: str = GREY) -> str:
    head = ' marker-end="url(#arrow)"' if arrow else ""
    return f'<path d="M{x1:g},{y1:g} L{x2:g},{y2:g}" stroke="{colour}" stroke-width="1.6" fill="none"{head}/>'


def text(x: float, y: float, words: str, *, anchor: str = "middle", colour: str = GREY) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{colour}">{words}</text>'


def sequence() -> None:
    """A window, the decision at its close, the fill at the next open, the label's exit."""
    step, top = 44, 40
    read = {"colour": LSTM, "fill": LSTM}
    parts = [box(20 + step * bar, top, width=step - 8, height=46, **(read if bar < 8 else {})) for bar in range(13)]
    parts += [text(20 + step * bar + 18, top + 28, f"t{bar - 7:+d}" if bar != 7 else "t") for bar in range(13)]
    parts += [text(20 + step * 4 - 4, 24, "window: what the network reads", colour=LSTM)]
    for x, row, words, side in (
        (20 + step * 8 - 10, 0, "decision: close of t", "end"),
        (20 + step * 8, 1, "fill: open of t+1", "end"),
        (20 + step * 9, 0, "label known: open of t+1+horizon (here 1)", "start"),
    ):
        y = 122 + 22 * row
        parts += [line(x, y - 4, x, 90), text(x + (6 if side == "start" else -6), y, words, anchor=side)]
    svg("sequence", parts, width=690, height=158, title="A window of eight bars, its decision, its fill and its label")


def topologies() -> None:
    """The five ways of reading and answering."""
    shapes = (
        ("one-to-one", "r", "a"), ("one-to-many", "r..", "aaa"), ("many-to-one", "rrr", "..a"),
        ("in step", "rrr", "aaa"), ("encoder-decoder", "rrr..", "..aaa"),
    )  # fmt: skip
    parts, x = [], 34.0
    for label, reads, answers in shapes:
        for place, (read, answer) in enumerate(zip(reads, answers, strict=True)):
            left = x + 30 * place
            parts.append(box(left, 62, width=20, height=24, colour=LSTM, fill=LSTM))
            if place:
                parts.append(line(left - 10, 74, left, 74))
            if read == "r":
                parts += [box(left, 112, width=20, height=20), line(left + 10, 112, left + 10, 88)]
            if answer == "a":
                parts += [box(left, 16, width=20, height=20, colour=RNN, fill=RNN), line(left + 10, 62, left + 10, 38)]
        parts.append(text(x + 15 * len(reads) - 5, 156, label))
        x += 30 * len(reads) + 42
    svg("topologies", parts, width=int(x) + 10, height=170, title="Five topologies: bars below, cells, answers above")


def gradient_norms(cell: str, *, forget_bias: float = 1.0) -> Iterator[float]:
    """Norm of the gradient at the state, lag by lag, as a share of lag 0, of a network with its first weights."""
    rng = np.random.default_rng(0)
    gates = 4 if cell == "lstm" else 1
    bias = np.zeros(gates * UNITS)
    if cell == "lstm":
        bias[UNITS : 2 * UNITS] = forget_bias
    weights = Weights(
        cell=cell, kernel=glorot_uniform((1, gates * UNITS), rng), recurrent=orthogonal((UNITS, gates * UNITS), rng),
        bias=bias, head=rng.normal(size=UNITS), head_bias=np.zeros(()),
    )  # fmt: skip
    run = forward(weights, rng.normal(size=(STEPS, ROWS, 1)))
    first = None
    for flow in backward(weights, run, np.broadcast_to(weights.head, (ROWS, UNITS)).copy()):
        norm = float(np.median(np.sqrt((flow.h**2).sum(-1) + (flow.c**2).sum(-1))))
        first = first or norm
        yield norm / first


def vanishing() -> None:
    """Gradients through time at the start of training."""
    left, top, wide, high, decades = 64, 30, 420, 190, 6

    def place(lag: float, share: float) -> str:
        depth = (1 - np.log10(share)) / decades
        return f"{left + wide * lag / (STEPS - 1):.1f},{top + high * depth:.1f}"

    parts = [
        line(left, top + high, left + wide, top + high, arrow=False),
        line(left, top, left, top + high, arrow=False),
    ]
    parts += [
        text(left - 8, top + high * d / decades + 4, f"1e{1 - d}" if d > 1 else "1", anchor="end") for d in range(1, 7)
    ]
    parts += [text(left + wide * lag / (STEPS - 1), top + high + 18, str(lag)) for lag in (0, 20, 40, 59)]
    parts += [
        text(left + wide / 2, top + high + 38, "bars back"),
        text(4, 14, "share of the gradient that is left", anchor="start"),
    ]
    curves = [
        ("SimpleRNN", "simple_rnn", 1.0, RNN, ""), ("LSTM, forget bias 1", "lstm", 1.0, LSTM, ""),
        ("LSTM, forget bias 3", "lstm", 3.0, LSTM, "6,3"),
    ]  # fmt: skip
    for row, (label, cell, bias, colour, dash) in enumerate(curves):
        shares = list(gradient_norms(cell, forget_bias=bias))
        visible = [lag for lag, share in enumerate(shares) if share > 10.0 ** (1 - decades)]
        points = " ".join(place(lag, shares[lag]) for lag in visible)
        style = f'stroke="{colour}" stroke-width="2" fill="none" stroke-dasharray="{dash}"'
        key = top + 14 + 22 * row
        parts += [
            f'<polyline points="{points}" {style}/>',
            f'<path d="M{left + wide + 16},{key} h26" {style}/>',
            text(left + wide + 50, key + 4, label, anchor="start", colour=colour),
        ]
    svg("vanishing", parts, width=680, height=270, title="Gradient through time before training")


def gates() -> None:
    """An LSTM's cell state, and the gates that let in, keep and let out."""
    parts = [
        line(20, 50, 580, 50, colour=LSTM), text(28, 38, "c(t-1)", anchor="start"), text(572, 38, "c(t)", anchor="end"),
        line(20, 190, 580, 190), text(28, 208, "h(t-1)", anchor="start"), text(572, 208, "h(t)", anchor="end"),
    ]  # fmt: skip
    for x, label, sign, role in (
        (150, "forget", "×", "keeps"),
        (290, "input", "+", "lets in"),
        (430, "output", "×", "lets out"),
    ):
        target = 50 if label != "output" else 190
        start, end = (112, 62) if target == 50 else (144, 178)
        parts += [
            box(x - 42, 114, width=84, height=28, colour=LSTM, fill=LSTM), text(x, 133, f"{label} gate"),
            line(x, start, x, end),
            f'<circle cx="{x}" cy="{target}" r="11" stroke="{GREY}" stroke-width="1.6" fill="white"/>',
            text(x, target + 5, sign), text(x, 232, role),
        ]  # fmt: skip
    parts += [
        line(430, 61, 430, 112, colour=LSTM),
        text(300, 262, "Each gate is a number from 0 to 1 for each unit, from x(t) and h(t-1)."),
    ]
    svg("gates", parts, width=600, height=274, title="An LSTM cell: state, forget gate, input gate, output gate")


def walk_forward() -> None:
    """Folds: training, validation and test rows in order of time."""
    parts = []
    for fold in range(4):
        y, train = 26 + 40 * fold, 150 + 90 * fold
        parts += [
            text(12, y + 19, f"fold {fold}", anchor="start"), box(70, y, width=train, height=26),
            text(70 + train / 2, y + 18, "training"),
            box(74 + train, y, width=42, height=26, colour=RNN, fill=RNN), text(95 + train, y + 18, "val."),
            box(122 + train, y, width=84, height=26, colour=LSTM, fill=LSTM), text(164 + train, y + 18, "test"),
        ]  # fmt: skip
    parts += [line(70, 196, 640, 196), text(640, 214, "time", anchor="end")]
    svg(
        "walk-forward",
        parts,
        width=660,
        height=220,
        title="Walk-forward folds: every label is known before it is learned from",
    )


if __name__ == "__main__":
    for draw in (sequence, topologies, vanishing, gates, walk_forward):
        draw()
