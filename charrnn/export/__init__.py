"""Exports of a trained model: a page that opens in any browser."""
