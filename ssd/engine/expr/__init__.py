"""Expressions: text to values over observations."""

from ssd.engine.expr.evaluate import evaluate, evaluate_condition, evaluate_number, evaluate_rows

__all__ = ["evaluate", "evaluate_condition", "evaluate_number", "evaluate_rows"]
