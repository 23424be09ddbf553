"""The same by hand: recurrent networks in plain NumPy, forward and backward, to read and to test against."""
