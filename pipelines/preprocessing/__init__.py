"""Bars -> features, labels, weights and windows, and the folds in which they are learned and tested."""

__all__ = [
    "access_log",
    "choices",
    "combinatorial_cv",
    "covariates",
    "cross_section",
    "custom_features",
    "custom_labels",
    "features",
    "isolated_features",
    "isolated_process",
    "label_process",
    "labels",
    "order_flow",
    "sample_weights",
    "scaling",
    "sessions",
    "walk_forward",
    "windows",
]
