"""Measurements. Each one runs both sides, interleaved, in one go, and prints the ratio."""
