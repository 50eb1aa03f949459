"""Named places at which a test may let this process die, to see what is left. Nothing happens unless one is armed.

| place | what is on disk then |
|---|---|
| `after_intent` | nothing of the request: what is wanted from a provider is written, and not committed |
| `before_call` | what is wanted; the provider has not heard of it |
| `after_call` | what is wanted; the provider has done it |
| `after_silence` | what is wanted; nobody knows what the provider did, and nobody has noted that |
| `before_settle` | the same as after the call |
| `after_settle` | the same: what came of it is written, and not committed |
| `before_answer` | all of it; only the caller does not know |
| `label_before_call` | that a label is wanted; its carrier has not heard of it |
| `label_after_call` | that a label is wanted; its carrier has sold it |
| `import_before_commit` | the batches before this one, which is written, and not committed |
| `undo_before_commit` | the same of an undo |
| `request_taken` | a wish to order, and that somebody works on it |
| `request_placed` | the same, and its order; the wish does not know |
| `search_before_commit` | what happened; that search has taken it in is written, and not committed |
| `search_after_commit` | that search has taken it in |
"""

import os
import signal
from pathlib import Path

PLACES = (
    "after_intent",
    "before_call",
    "after_call",
    "after_silence",
    "before_settle",
    "after_settle",
    "before_answer",
)
"""Where money moves."""
LABEL_PLACES = ("label_before_call", "label_after_call")
REQUEST_PLACES = ("request_taken", "request_placed")
SEARCH_PLACES = ("search_before_commit", "search_after_commit")
_armed: set[Path] = set()


def arm(folder: str) -> None:
    """From now on a file in this folder, with the name of a place, kills the first process that comes there."""
    _armed.add(Path(folder))


def crash_point(name: str) -> None:
    """Here the process dies where this place is armed; the file is gone then, so that nobody else dies of it."""
    for folder in _armed:
        try:
            (folder / name).unlink()
        except FileNotFoundError:
            continue
        os.kill(os.getpid(), signal.SIGKILL)
