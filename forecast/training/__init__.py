"""An experiment and its dataset -> a finished run: baselines, networks, panels, tuning."""

__all__ = ["baselines", "member_jobs", "panel", "preparation", "train", "user_baselines"]
