"""What stage A raises."""


class PrepareError(ValueError):
    """Stage A cannot go on with this input or configuration; the message names rule, value and fix."""


def require(ok: bool, rule: str, seen: object, fix: str) -> None:
    """Raise PrepareError with rule, value and fix unless `ok`."""
    if not ok:
        raise PrepareError(f"{rule}, but found {seen}; {fix}")
