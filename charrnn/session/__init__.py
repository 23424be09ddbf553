"""One run, alive, and the verbs that a ModelState has."""
