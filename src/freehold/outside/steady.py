"""A stream of another host, listened to steadily: whoever hangs up is asked again, each time after a longer pause.

In come what one connection does and what to do where the other side knows nothing of how far it was followed; how it is
with the stream is told by name in `states`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping

from freehold.outside.reader import StreamEnded
from freehold.protocol.refused import Refused

logger = logging.getLogger(__name__)

LISTENING = "listening"
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0
STEADY_SECONDS = 60.0
"""Who was listened to for so long is asked again after the first pause."""


async def listen(
    name: str,
    states: MutableMapping[str, str],
    follow: Callable[[], Awaitable[object]],
    begin_anew: Callable[[], Awaitable[object]],
) -> None:
    """Until cancelled. follow: one connection, to its end; raises StreamEnded, any Refused, or by a fault of ours."""
    pause, loop = FIRST_PAUSE_SECONDS, asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            await follow()
            states[name] = "it hung up"
        except StreamEnded as ended:
            states[name] = f"it ended the stream: {ended.name}"
            if ended.name == "FutureCursor":  # another stream than before
                await begin_anew()
        except Refused as refused:
            states[name] = refused.say
        except Exception:  # what one of them brought about keeps nobody from the others
            logger.exception("the stream of %s could not be taken in", name)
            states[name] = "something went wrong here: the log says what"
        if loop.time() - began > STEADY_SECONDS:
            pause = FIRST_PAUSE_SECONDS
        logger.info("the stream of %s: %s", name, states[name])
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
