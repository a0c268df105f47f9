"""The one table of models: every name has a label, a colour and a dash, and no two look the same."""

import itertools
import re
from pathlib import Path

import pytest

from forecast import report
from forecast.config import model_registry
from forecast.config.experiment import BASELINES
from forecast.config.model_registry import MODELS, PALETTE, REFERENCES
from forecast.statistics.comparisons import BASE_RATE, BENCHMARKS

EVERY = (*MODELS, *REFERENCES, *(f"same_exposure:{model}" for model in MODELS))


def test_any_two_models_differ_in_label_and_in_colour_or_dash() -> None:
    labels = [model_registry.label(model) for model in EVERY]
    looks = [(PALETTE[model_registry.colour(model)], model_registry.dash(model)) for model in EVERY]
    assert len(set(labels)) == len(EVERY)
    assert len(set(looks)) == len(EVERY)


def test_cells_differ_in_colour_and_in_dash_so_that_a_page_can_be_printed_without_colours() -> None:
    cells = list(model_registry.CELLS.values())
    for one, other in itertools.combinations(cells, 2):
        assert one.dash != other.dash
        assert one.colour[0] != other.colour[0]
        assert one.colour[1] != other.colour[1]


def test_a_topology_keeps_the_colour_of_its_cell() -> None:
    assert model_registry.colour("lstm_in_step") == model_registry.colour("lstm") == "lstm"
    assert model_registry.dash("lstm") == ()
    assert model_registry.dash("lstm_in_step") == (16, 2, 1, 2)
    assert model_registry.dash("gru_in_step") == (8, 2, 2, 2, 1, 2)


def test_a_dash_ends_with_a_gap_so_that_it_repeats() -> None:
    assert all(len(model_registry.dash(model)) % 2 == 0 for model in EVERY)


def test_every_baseline_and_benchmark_of_a_comparison_has_its_entry() -> None:
    assert {*BASELINES, *BENCHMARKS, BASE_RATE, "best_baseline"} == set(REFERENCES)


@pytest.mark.parametrize("look_up", [model_registry.label, model_registry.colour, model_registry.dash])
@pytest.mark.parametrize("model", ["other", "lstm_sideways", "same_exposure:other", "dense_in_step"])
def test_a_name_without_its_entry_fails(look_up, model: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(KeyError):
        look_up(model)


def test_a_model_judged_from_elsewhere_has_its_own_name_and_the_same_look_every_time() -> None:
    assert model_registry.label("judged:LightGBM v2") == "LightGBM v2"
    assert model_registry.label("same_exposure:judged:lstm") == "same exposure as lstm"
    for name in ("judged:a", "same_exposure:judged:a"):
        assert model_registry.colour(name) in PALETTE
        assert len(model_registry.dash(name)) % 2 == 0
    looks = {(model_registry.colour(f"judged:{n}"), model_registry.dash(f"judged:{n}")) for n in range(100)}
    assert len(looks) > 20


def test_models_of_one_page_differ_in_colour_or_dash_however_many_they_are() -> None:
    def look(model: str) -> tuple[str, tuple[int, ...]]:
        return model_registry.colour(model), model_registry.dash(model)

    alone = {f"judged:{n}": look(f"judged:{n}") for n in range(100)}
    assert len(set(alone.values())) < 100  # there are fewer looks than names
    for count in (2, 30, 100):
        models = list(alone)[:count]
        with model_registry.side_by_side([*models, "lstm"]):
            assert len({look(model) for model in models}) == count
    twins = next([one, other] for one in alone for other in alone if one < other and alone[one] == alone[other])
    with model_registry.side_by_side(twins):
        first, second = map(look, twins)
    assert first == alone[twins[0]]
    assert second != first


def test_names_stand_inside_a_sentence() -> None:
    assert model_registry.label("lstm_encoder_decoder") == "LSTM encoder-decoder"
    assert model_registry.label("buy_and_hold") == "buy and hold"
    assert model_registry.label("same_exposure:simple_rnn_wide") == "same exposure as wide SimpleRNN"


def test_the_page_understands_the_name_of_every_colour() -> None:
    script = (Path(report.__file__).parent / "templates" / "drawing.js").read_text(encoding="utf-8")
    names = re.search(r"var\\\(\((--\[[^\]]+\]\+)\)", script)
    assert names is not None
    assert all(re.fullmatch(names[1], f"--{name}") for name in PALETTE)
