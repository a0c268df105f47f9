"""Where members are fitted: the choice of a backend, tasks, and the processes, machines and shared arrays for them."""

__all__ = ["backend", "dask", "executor", "memory", "network_process", "processes", "progress", "shared_data", "task"]
