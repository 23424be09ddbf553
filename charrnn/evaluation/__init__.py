"""The evaluation of a model: protocol, cost, units, baselines, causality; knows no path and no screen."""
