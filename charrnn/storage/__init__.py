"""How a run survives: the working directory, files that appear whole or not at all, checkpoints.

This folder knows named tensors and facts; it knows no model.
"""
