"""`sparft curricula`: what there is to choose from."""

from __future__ import annotations

import sys
from dataclasses import MISSING, fields

from sparft_verl.curricula.config import CurriculumConfig, keys_of
from sparft_verl.curricula.registry import METHODS

USAGE = """usage: sparft curricula [NAME]

Without a name: every curriculum with one line each. With one: its settings and their defaults, which
+curriculum=NAME brings to verl's command line."""


def main(arguments: list[str]) -> int:
    """List all methods, or the settings of one; return the exit status, 2 for a name that is not there."""
    if arguments and arguments[0] in ("-h", "--help"):
        print(USAGE)
        return 0
    if not arguments:
        for name in sorted(METHODS):
            print(f"{name:15}{METHODS[name].summary}")
        return 0
    if arguments[0] not in METHODS:
        known = ", ".join(sorted(METHODS))
        print(f"sparft curricula: there is no {arguments[0]!r}; choose from {known}", file=sys.stderr)
        return 2
    method = METHODS[arguments[0]]
    print(method.summary)
    owned = {item.name: item for owner in (CurriculumConfig, method.params) for item in fields(owner)}
    for key in keys_of(method.name)[1:]:
        item = owned[key]
        default = item.default if item.default_factory is MISSING else item.default_factory()
        print(f"  curriculum.{key:16} {default!r}")
    for key, reason in method.refuses.items():
        print(f"  no curriculum.{key}: {reason}")
    return 0
