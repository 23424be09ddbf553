"""Text as a model reads it: source files, vocabularies, the encoded dataset and its lanes; needs NumPy only."""
