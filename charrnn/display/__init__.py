"""The display: plain values become text, tables, progress bars and pictures."""
