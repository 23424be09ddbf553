"""What the model reads: vocabularies, the encoded text, and who reads what, when.  Needs numpy only."""
