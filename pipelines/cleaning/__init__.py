"""Raw rows -> rows that are right, with a reason for each that is dropped and each price that is repaired."""

__all__ = ["cleaning", "quality_checks", "report", "tick_checks"]
