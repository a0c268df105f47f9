import numpy as np
import pytest

from forecast.panels import write_panel
from pipelines.errors import ConfigError
from pipelines.scaling import fit_scaler
from pipelines.splits import walk_forward
from pipelines.windows import gather
from tests.pipelines.test_windows import make

SYMBOLS = {"AAA": (120, 0), "BBB": (150, 1), "CCC": (120, 2)}


@pytest.fixture
def parts():
    return {symbol: make(bars=bars, steps=5, seed=seed)[1] for symbol, (bars, seed) in SYMBOLS.items()}


def test_a_panel_holds_every_window_of_every_symbol_and_nothing_else(parts, tmp_path):
    panel = write_panel(tmp_path, parts.items())
    assert panel.symbols == tuple(SYMBOLS)
    for symbol, windows in parts.items():
        rows = panel.rows(symbol)
        np.testing.assert_array_equal(
            gather(panel.windows.values, panel.windows.ends[rows], steps=5),
            gather(windows.values, windows.ends, steps=5),
        )
        for name in ("targets", "forward_return", "decided_at", "entry_at", "exit_at"):
            np.testing.assert_array_equal(getattr(panel.windows, name)[rows], getattr(windows, name))


def test_the_matrix_of_a_panel_stays_on_disk(parts, tmp_path):
    panel = write_panel(tmp_path, parts.items())
    assert isinstance(panel.windows.values, np.memmap)
    assert not panel.windows.values.flags.writeable


def test_a_pooled_fold_learns_from_no_symbol_what_another_will_be_tested_on(parts, tmp_path):
    windows = write_panel(tmp_path, parts.items()).windows
    assert (np.diff(windows.decided_at) >= np.timedelta64(0)).all()
    for fold in walk_forward(windows, folds=3):
        assert windows.exit_at[fold.train].max() < windows.decided_at[fold.validation].min()
        assert windows.exit_at[fold.validation].max() < windows.decided_at[fold.test].min()
        assert np.isfinite(fit_scaler(windows, rows=fold.train).mean).all()


def test_a_panel_of_nothing_or_of_one_symbol_twice_is_refused(parts, tmp_path):
    with pytest.raises(ConfigError, match="Need one symbol or more"):
        write_panel(tmp_path, [])
    with pytest.raises(ConfigError, match="got AAA"):
        write_panel(tmp_path, [("AAA", parts["AAA"]), ("AAA", parts["AAA"])])
    with pytest.raises(ConfigError, match=r"got BBB with \(6, "):
        write_panel(tmp_path, [("AAA", parts["AAA"]), ("BBB", make(bars=90, steps=6)[1])])
