"""How good a model is: a protocol, a ladder of baselines, units, causality.  No path, no screen."""
