"""Where and how members are trained: nothing of it changes what a run is, except the backend."""

from dataclasses import dataclass

from forecast.config.fields import check, setting

BACKENDS = ("tensorflow", "jax", "auto")
RUNS_AT = "Where it runs"


@dataclass(frozen=True, kw_only=True)
class ComputeConfig:
    """Workers and the network library. jobs: None for as many as cores. cluster: a Dask scheduler's address."""

    jobs: int | None = setting(
        None, "integer", "Worker processes  [default: as many as cores]", group=RUNS_AT, low=1, optional=True
    )
    backend: str = setting(
        "tensorflow", "text", "Network library; auto: the fastest one installed.", group=RUNS_AT, choices=BACKENDS
    )
    cluster: str | None = setting(
        None, "text", "Dask scheduler (tcp://host:8786), or local to start one.", group=RUNS_AT, optional=True
    )

    def __post_init__(self) -> None:
        check(self)
