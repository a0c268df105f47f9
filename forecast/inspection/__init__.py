"""What a network remembers: gradients through time, gates, occlusion, and the textbook case."""
