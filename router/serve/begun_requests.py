"""Begun requests: has a worker begun with a request, or ended it?

Asked only of what the router would refuse for a reason that passes. What has come again may have
its ending, which a refusal would contradict; a worker knows it.
"""

from typing import Final

from producers.contract import Request
from runtime.redis.connection import RedisLink
from runtime.redis.key_names import request_key

_RECORDED: Final = "recorded"


class BegunRequests:
    """What the workers have recorded, to be looked at."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    async def include(self, request: Request, submitted_ms: int) -> bool:
        """Whether a worker has it or has ended it; False, too, if Redis doesn't say.

        submitted_ms: when this record of it was sent, Unix milliseconds. One that is to run again
        after a failure that was recorded before has no ending.
        """
        key = request_key(request.tenant, request.id)
        looked = await self._link.run(
            lambda: self._link.trips.ask("HMGET", key, "state", "failed_ms")
        )
        match looked:
            case [str(state), str(failed_ms)] if state == _RECORDED and failed_ms.isdigit():
                runs_again = request.routing.after_failure == "run"
                return not (runs_again and submitted_ms > int(failed_ms[:18]))
            case [str(), _]:
                return True
            case _:
                return False
