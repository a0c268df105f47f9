from concurrent.futures import ThreadPoolExecutor

from forecast.config.experiment import Experiment
from forecast.runs import trial_log as trials


def test_each_configuration_of_a_symbol_counts_once_however_often_it_is_tried(tmp_path):
    for units in (8, 16, 8):
        trials.record(tmp_path / "runs", Experiment(symbol="AAPL", units=units), run="r")
    trials.record(tmp_path / "runs", Experiment(symbol="MSFT"), run="r")
    assert trials.count(tmp_path / "runs", symbol="AAPL") == 2
    assert trials.count(tmp_path / "runs", symbol="MSFT") == 1
    assert trials.count(tmp_path / "nowhere", symbol="MSFT") == 0


def test_a_line_cut_short_is_passed_over_and_the_rest_counts(tmp_path):
    trials.record(tmp_path, Experiment(symbol="AAPL"), run="r")
    path = tmp_path / "trials.jsonl"
    path.write_text(path.read_text() + '{"symbol": "AAPL", "conf\n[]\n3\n')
    trials.record(tmp_path, Experiment(symbol="AAPL", units=7), run="r")
    assert trials.count(tmp_path, symbol="AAPL") == 2


def test_many_writers_lose_no_line(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(lambda units: trials.record(tmp_path, Experiment(symbol="A", units=units), run="r"), range(1, 65))
        )
    assert trials.count(tmp_path, symbol="A") == 64
