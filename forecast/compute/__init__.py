"""Where members are fitted: the choice of a backend, tasks, and the processes, machines and shared arrays for them."""

__all__ = ["backend", "dask", "executor", "memory", "processes", "progress", "shared_data", "task"]
