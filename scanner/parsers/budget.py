"""What evaluating templates may cost, so that no template, however hostile, takes forever."""

from __future__ import annotations

MAX_STEPS = 2_000_000
"""What one stack may cost, in values and hundreds of characters; beyond it everything is `Unknown`."""

MAX_STACKS = 2_000
"""How many stacks one stack may bring with it."""

_MORE, _MOST = 50_000, 4_000_000


class Budget:
    """What a stack and those it brings with it may cost together, for they refer to each other.

    `depth` is how deep the expression is nested that is being evaluated, through all of them.
    """

    def __init__(self) -> None:
        self.depth = self.steps = self._stacks = 0
        self._most = MAX_STEPS

    @property
    def spent(self) -> bool:
        """Tell whether nothing is left."""
        return self.steps > self._most

    def allows_a_stack(self) -> bool:
        """Count one more stack, which brings some steps of its own; tell whether that is not too many."""
        if self.spent or self._stacks >= MAX_STACKS:
            return False
        self._stacks += 1
        self._most = min(self._most + _MORE, _MOST)
        return True
