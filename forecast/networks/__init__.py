"""All of Keras: layers, initial weights, losses, optimizer, training loop, fit; and prediction, which needs none."""

__all__ = ["fit", "initializers", "prediction", "results", "unrolled"]
