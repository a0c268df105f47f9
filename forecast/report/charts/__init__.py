"""Numbers -> figures of plotly, one module a subject. Colours and dashes stand in the table of the models."""

__all__ = [
    "cross_section",
    "diagnostics",
    "equity",
    "growth_lines",
    "heatmaps",
    "path_forecasts",
    "returns",
    "trades",
    "training",
]
