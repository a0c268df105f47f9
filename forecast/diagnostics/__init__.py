"""What a trained network does with its windows: gradients, gates, occlusion, effective memory."""

__all__ = ["analysis", "effective_memory", "gradients", "keras_networks", "loader", "numpy_cells"]
