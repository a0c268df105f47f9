"""All of Keras and nothing else: layers, initial weights, losses, optimizer, training loop, fit."""

__all__ = ["fit", "initializers", "results"]
