"""Experiments over several runs: sweeps of settings."""
