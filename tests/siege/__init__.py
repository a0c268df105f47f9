"""Faults on purpose, each with an oracle: `python -m tests.siege --help`. Seeded, and resumed where it was stopped."""
