"""The error that users meet: what was wrong, why, and what to do next."""

from __future__ import annotations


class ForgefieldError(Exception):
    """An error that the user can act on.

    Args:
        problem: what is wrong, with the offending value in it.
        remedy: the next step that would put it right.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.problem = problem.rstrip(".")
        self.remedy = remedy.rstrip(".")
        super().__init__(self.problem, self.remedy)

    def __str__(self) -> str:
        return f"{self.problem}; {self.remedy}" if self.remedy else self.problem
