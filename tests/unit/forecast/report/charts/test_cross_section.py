"""Charts of the ranks of a panel."""

from forecast.report.charts.cross_section import quantiles


def test_bars_of_models_that_share_a_colour_differ_by_how_pale_it_is():
    models = ["lstm", "simple_rnn", "boosting", "logistic", "previous_sign"]
    panel = {"quantiles": {model: {"returns": [-0.01, 0.01], "spread": {"mean": 0.02}} for model in models}}
    colours = [trace["marker"]["color"] for trace in quantiles(panel, models)["data"]]
    assert colours == [
        "var(--lstm)",
        "var(--simple_rnn)",
        "var(--boosting)",
        "var(--logistic)/0.6",
        "var(--previous_sign)/0.36",
    ]
