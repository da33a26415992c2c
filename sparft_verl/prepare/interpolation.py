"""What to say of a `${...}` in the settings that stands for nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sparft_verl.prepare.errors import PrepareError

# OmegaConf tells the missing name in its message only
_VARIABLE = re.compile(r"Environment variable '(.+?)' not found")
_KEY = re.compile(r"Interpolation key '(.+?)' not found")


def unresolved(error: Any, layers: Mapping[str, Any]) -> PrepareError:
    """Return the error that names the layer, the setting, what is missing and the fix.

    `error` is an InterpolationResolutionError of OmegaConf; `layers` holds the settings by where they stand, a later
    one over an earlier one.
    """
    reason = str(error).splitlines()[0]
    place, raw = "the settings", None
    for name, layer in layers.items():
        found = _at(layer, str(error.full_key))
        if found is not None:
            place, raw = name, found
    head = f"{place}: {error.full_key} is {raw!r}, but"
    if variable := _VARIABLE.search(reason):
        name = variable[1]
        return PrepareError(
            f"{head} the environment variable {name} is not set; export {name}=..., or give a default: "
            f"${{oc.env:{name},VALUE}}"
        )
    if key := _KEY.search(reason):
        return PrepareError(
            f"{head} there is no setting {key[1]!r}; correct the name, or write the value itself"
        )
    return PrepareError(
        f"{head} that cannot be resolved ({reason}); write the value itself, ${{oc.env:NAME}} or "
        "${the.name.of.a.setting}"
    )


def _at(layer: Any, path: str) -> Any:
    """Return what stands at a path such as clean.evals[0].path, nothing resolved; None where nothing does."""
    from omegaconf import OmegaConf

    found = OmegaConf.to_container(layer)
    for step in re.findall(r"[^.\[\]]+", path):
        if isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        elif isinstance(found, dict) and step in found:
            found = found[step]
        else:
            return None
    return found
