"""Storage of a run: its directory, its checkpoints, its history and its attached functions, written atomically.

This folder stores named tensors and facts; it knows nothing about models or about the names of hooks.
"""
