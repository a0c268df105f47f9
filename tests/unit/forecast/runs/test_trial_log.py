from concurrent.futures import ThreadPoolExecutor

from forecast.config.experiment import Experiment
from forecast.runs import trial_log


def test_each_configuration_of_a_symbol_counts_once_however_often_it_is_tried(tmp_path):
    for units in (8, 16, 8):
        trial_log.record(tmp_path / "runs", Experiment(symbol="AAPL", units=units), run="r")
    trial_log.record(tmp_path / "runs", Experiment(symbol="MSFT"), run="r")
    assert trial_log.count(tmp_path / "runs", symbol="AAPL") == 2
    assert trial_log.count(tmp_path / "runs", symbol="MSFT") == 1
    assert trial_log.count(tmp_path / "nowhere", symbol="MSFT") == 0


def test_a_line_cut_short_is_passed_over_and_the_rest_counts(tmp_path):
    trial_log.record(tmp_path, Experiment(symbol="AAPL"), run="r")
    path = tmp_path / "trials.jsonl"
    path.write_text(path.read_text() + '{"symbol": "AAPL", "conf\n[]\n3\n')
    trial_log.record(tmp_path, Experiment(symbol="AAPL", units=7), run="r")
    assert trial_log.count(tmp_path, symbol="AAPL") == 2


def test_many_writers_lose_no_line(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda units: trial_log.record(tmp_path, Experiment(symbol="A", units=units), run="r"), range(1, 65)
            )
        )
    assert trial_log.count(tmp_path, symbol="A") == 64
