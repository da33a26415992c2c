"""What a report refuses."""


class ReportError(ValueError):
    """An input that a report cannot be made from; the message names the file, what is wrong and the fix."""
