"""The certificate of a look-ahead audit: what was compared, what differed, and what could not be checked."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What was compared and what differed.

    cuts: moments at which the whole chain was made again. compared: comparisons in all. failures: one line for each
    thing that looks ahead. unverifiable: one line for each thing that cannot be checked, such as a file that a feature
    reads. chain_cuts: bars more at which labels, weights and scalers were made again. feature_cuts: truncated histories
    on which each feature was computed again, random_cuts of them at random. detectable_share: a leak of a feature that
    touches a share p of the bars is missed by n cuts at random with probability (1 - p)^n; this is the p that is
    detected with 95 % probability, None where there were none. retrained: networks of which a member was trained again
    on truncated history. audited: of a panel, the symbols drawn at random whose chain was made again; symbols: how many
    the panel has.
    """

    cuts: tuple[str, ...]
    compared: int
    failures: tuple[str, ...]
    unverifiable: tuple[str, ...] = ()
    chain_cuts: int = 0
    feature_cuts: int = 0
    random_cuts: int = 0
    detectable_share: float | None = None
    retrained: int = 0
    audited: tuple[str, ...] = ()
    symbols: int = 1

    @property
    def passed(self) -> bool:
        """Whether nothing looked ahead; see unverifiable for what that leaves open."""
        return not self.failures

    def to_json(self) -> dict[str, Any]:
        """JSON-ready; the run binds it to its files when it is finished."""
        return {
            "passed": self.passed,
            "cuts": list(self.cuts),
            "compared": self.compared,
            "failures": list(self.failures),
            "unverifiable": list(self.unverifiable),
            "chain_cuts": self.chain_cuts,
            "feature_cuts": self.feature_cuts,
            "random_cuts": self.random_cuts,
            "detectable_share": self.detectable_share,
            "retrained": self.retrained,
            **({"audited": list(self.audited), "symbols": self.symbols} if self.audited else {}),
        }
