import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog

from tradepost.mail.model import Mail
from tradepost.mail.provider import Mailer, MailNotSent

log = structlog.get_logger()

_BEAT_SECONDS = 0.2
_CLOSE_SECONDS = 5.0
_AT_ONCE = 4


class Outbox:
    """Takes mails at once and sends them in the background, a few at a time, each again where that can help.

    Whoever posts never learns what becomes of it, not even by the time it takes: a mail is composed and sent a moment
    later, when the answer to the request is on its way. The log has failures, by Message-ID alone.

    Mails wait in memory. Those not yet sent are lost with a killed process, and so are those that a server takes
    longer to accept than `close` waits. A worker that keeps them in the database comes in a later step.
    """

    def __init__(self, mailer: Mailer, *, waits: Sequence[float] = (1.0, 5.0, 25.0), limit: int = 1000) -> None:
        """`waits`: the seconds before each further attempt. `limit`: the mails that may wait."""
        self._mailer = mailer
        self._waits = waits
        self._limit = limit
        self._line = asyncio.Semaphore(_AT_ONCE)
        self._closing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def post(self, mail: Mail) -> None:
        """Returns at once. A mail too many is dropped, and so is one after `close`; the log says so."""
        if self._closing.is_set() or len(self._tasks) >= self._limit:
            log.error("mail_dropped", message_id=str(mail.message_id), waiting=len(self._tasks))
            return
        task = asyncio.create_task(self._deliver(mail), name=str(mail.message_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self, *, within: float = _CLOSE_SECONDS) -> None:
        """Sends what waits without further pauses, for so many seconds at most; the log names what is lost."""
        self._closing.set()
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=within)
        for task in late:
            log.error("mail_lost", message_id=task.get_name())
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _deliver(self, mail: Mail) -> None:
        for wait in (_BEAT_SECONDS, *self._waits):
            await self._pause(wait)
            failure = await self._attempt(mail)
            if failure is None:
                log.info("mail_sent", message_id=str(mail.message_id))
                return
            log.warning("mail_attempt_failed", message_id=str(mail.message_id), reason=failure.reason)
            if not failure.temporary:
                break
        log.error("mail_not_sent", message_id=str(mail.message_id))

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    async def _attempt(self, mail: Mail) -> MailNotSent | None:
        try:
            async with self._line:
                await self._mailer.send(mail)
        except MailNotSent as failure:
            return failure
        except Exception as error:  # noqa: BLE001 - nobody waits for it, and its text may name the reader
            return MailNotSent(type(error).__name__, temporary=False)
        return None
