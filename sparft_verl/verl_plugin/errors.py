"""The error that stops a run before it costs anything."""


class CurriculumError(ValueError):
    """A rule of the curriculum is broken; the message names the rule, the value seen and the fix."""
