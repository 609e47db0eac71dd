"""Fuzzing that says how much it has tried."""

import functools
from collections import Counter
from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")

INPUTS: Counter[str] = Counter()
"""How many inputs each part was given in this run of the tests; pytest prints them in the end."""


def count_inputs(name: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Count the calls of a test, which are the inputs that hypothesis made up."""

    def decorate(test: Callable[P, None]) -> Callable[P, None]:
        @functools.wraps(test)
        def counted(*args: P.args, **kwargs: P.kwargs) -> None:
            INPUTS[name] += 1
            test(*args, **kwargs)

        return counted

    return decorate
