"""What the model reads: the vocabulary, the encoded text, and who reads what, when.  Needs numpy only."""
