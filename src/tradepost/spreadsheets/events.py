from tradepost.events import Fact


class ImportStarted(Fact, frozen=True):
    subject_type = "import"
    name: str


class ImportFinished(Fact, frozen=True):
    """Rows, by what became of them."""

    subject_type = "import"
    created: int
    changed: int
    unchanged: int
    failed: int


class ImportFailed(Fact, frozen=True):
    """It could not go on at a line; what was done before stays."""

    subject_type = "import"
    line: int
    code: str


class ImportCancelled(Fact, frozen=True):
    """Somebody stopped it; what was done before stays."""

    subject_type = "import"


class ImportUndone(Fact, frozen=True):
    """Products that are as they were before, and those that were left, as somebody had changed them since."""

    subject_type = "import"
    undone: int
    kept: int
