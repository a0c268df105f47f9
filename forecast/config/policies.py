"""How the probabilities of one moment become positions: by each symbol alone, or by its rank among all of them."""

import re
from dataclasses import dataclass

from pipelines.errors import ConfigError, in_one_line

SINGLE = ("long-flat", "long-short")
"""Policies that look at one symbol alone."""

PATTERNS = (
    r"top-bottom:[1-9]\d{0,3}",
    r"top:[1-9]\d{0,3}",
    r"quantile:0?\.\d{1,6}",
    r"rank-weighted",
    r"top-drop:[1-9]\d{0,3}:[1-9]\d{0,3}",
)
"""Policies of a panel, as they are written."""

LISTED = "long-flat, long-short, and for a panel top-bottom:10, top:10, quantile:0.1, rank-weighted, top-drop:50:5"


@dataclass(frozen=True, kw_only=True)
class CrossSectionalPolicy:
    """A policy that ranks the symbols of one moment.

    kind: the name before the first colon. count: names held on a side. share: of the names, of `quantile`. drop: names
    replaced per day at most, of `top-drop`.
    """

    kind: str
    count: int = 0
    share: float = 0.0
    drop: int = 0


def cross_sectional(policy: str) -> CrossSectionalPolicy | None:
    """What a policy says, None for one that looks at each symbol alone.

    Raises:
        ConfigError: a share that is not above 0 and at most 0.5, or more names replaced than held.
    """
    if policy in SINGLE:
        return None
    kind, *numbers = policy.split(":")
    if not any(re.fullmatch(pattern, policy) for pattern in PATTERNS):
        raise ConfigError(f"Expected policy out of {LISTED}, got {in_one_line(policy, at_most=80)}.")
    if kind == "quantile":
        share = float(numbers[0])
        if not 0.0 < share <= 0.5:
            raise ConfigError(f"Expected a share above 0 and up to 0.5 for policy quantile, got {numbers[0]}.")
        return CrossSectionalPolicy(kind=kind, share=share)
    if kind == "top-drop":
        count, drop = map(int, numbers)
        if drop > count:
            raise ConfigError(f"Expected to replace at most the {count} names held for policy {policy}, got {drop}.")
        return CrossSectionalPolicy(kind=kind, count=count, drop=drop)
    return CrossSectionalPolicy(kind=kind, count=int(numbers[0]) if numbers else 0)
