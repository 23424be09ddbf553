"""The version, where setup.cfg and the checkpoints can read it without importing torch."""

__version__ = '0.2.0'
