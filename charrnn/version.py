"""The version, in a file that setup.cfg and the checkpoints read without importing torch."""

__version__ = '0.3.0'
