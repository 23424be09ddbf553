"""Sampling: one symbol drawn at a time, each fed back as the next input."""
