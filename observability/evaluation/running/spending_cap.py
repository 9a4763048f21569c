"""Spending cap: what may be published, so that the sum of all bills can't exceed the cap?

The most that a request can cost is reserved before it is published, and gives way to its bill when
the reply is there. What was reserved for a request without a reply stays so: it may yet be billed.
"""

from collections.abc import Mapping
from decimal import Decimal

from observability.evaluation.grading.answered_call import AnsweredCall
from producers.contract import MicroUsd


class SpendingCap:
    """Micro-dollars."""

    def __init__(self, cap: MicroUsd) -> None:
        self.cap = cap
        self.spent = Decimal(0)
        self.held = Decimal(0)
        """Reserved for what has no reply."""
        self._reserved: dict[str, MicroUsd] = {}

    def restore(
        self, reserved: Mapping[str, MicroUsd], answered: Mapping[str, AnsweredCall]
    ) -> None:
        """As a journal tells it."""
        self._reserved = dict(reserved)
        self.held = sum(reserved.values(), Decimal(0))
        for call in answered.values():
            self.settle(call)

    def reserve(self, request: str, most: MicroUsd) -> bool:
        """Whether there is room for it; then it is held."""
        if self.spent + self.held + most > self.cap:
            return False
        self._reserved[request] = most
        self.held += most
        return True

    def settle(self, call: AnsweredCall) -> None:
        """The bill of a request in the place of what was held for it."""
        if call.outcome == "no reply":
            return
        held = self._reserved.pop(call.request, Decimal(0))
        self.held -= held
        if call.cost_micro_usd is None or call.late_batch:
            # nobody knows the price, or the batch that came too late is yet to be billed
            self.spent += max(held, call.cost_micro_usd or Decimal(0))
        elif call.redelivered:
            # nobody knows what the worker that died had spent: at most what was held for it
            self.spent += held + call.cost_micro_usd
        else:
            self.spent += call.cost_micro_usd
