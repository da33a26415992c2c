"""The settings of `sparft prepare`: a YAML file under the command line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, cast, get_args, get_type_hints

from sparft_verl.prepare.config import PrepareConfig
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.interpolation import unresolved


def from_dotlist(arguments: Sequence[str], file: str | None = None) -> PrepareConfig:
    """Return the configuration of a command line such as data.train_files=a.parquet cluster.k=8.

    `file` is a YAML file of the same settings, nested; the command line overrides it. Raises PrepareError for an
    argument that is no setting (naming the nearest), a value of the wrong type or out of its range.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException

    for argument in arguments:
        if "=" not in argument or argument.startswith("-"):
            raise PrepareError(
                f"settings are written as name=value, but found {argument!r}; see `sparft prepare --help`"
            )
    try:
        given = OmegaConf.from_dotlist(list(arguments))
    except (OmegaConfBaseException, ValueError) as e:
        raise _wrong(str(e).splitlines()[0]) from e
    except Exception as e:
        if not _is_yaml_error(e):
            raise
        raise _wrong(f"a value cannot be read ({' '.join(str(e).split())})") from e
    layers = [_load(file), given] if file is not None else [given]
    names = list(setting_names(PrepareConfig))
    for layer in layers:
        _check_names(OmegaConf.to_container(layer), PrepareConfig, "", names)
    try:
        merged = OmegaConf.merge(OmegaConf.structured(PrepareConfig), *layers)
        # OmegaConf's own word on a missing value is less helpful than ours, which `check` says
        if OmegaConf.is_missing(merged, "out"):
            merged.out = ""
        config = OmegaConf.to_object(merged)
    except InterpolationResolutionError as e:
        places = [*([file] if file is not None else []), "the command line"]
        raise unresolved(e, dict(zip(places, layers, strict=True))) from e
    except OmegaConfBaseException as e:
        if isinstance(e.__cause__, PrepareError):
            raise e.__cause__ from None
        reason = f"{str(e).splitlines()[0]} (at {e.full_key or 'top level'})"
        # `truth_pattern: #### (.*)` is null to YAML
        hint = (
            "; YAML takes what follows a # for a comment, so quote such a value" if "'None'" in reason else ""
        )
        raise _wrong(reason + hint) from e
    return cast(PrepareConfig, config)


def _wrong(reason: str) -> PrepareError:
    return PrepareError(
        f"the settings must be those of `sparft prepare --help`, but {reason}; correct the name or the value"
    )


def _is_yaml_error(error: Exception) -> bool:
    import yaml  # type: ignore[import-untyped]

    return isinstance(error, yaml.YAMLError)


def _load(file: str) -> Any:
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    if not Path(file).is_file():
        raise PrepareError(f"--config must name a YAML file, but there is none at {file!r}; check the path")
    try:
        loaded = OmegaConf.load(file)
    except Exception as e:
        if not (_is_yaml_error(e) or isinstance(e, OSError | ValueError | OmegaConfBaseException)):
            raise
        raise PrepareError(
            f"--config must be readable YAML, but {file!r} is not ({' '.join(str(e).split())}); correct it"
        ) from e
    if not isinstance(loaded, DictConfig):
        raise PrepareError(f"--config must hold settings by name, but {file!r} holds a list; correct it")
    return loaded


def setting_names(owner: Any, prefix: str = "") -> Iterator[str]:
    """Yield the dotted name of every setting; of a list of objects the names of their settings too."""
    kinds = get_type_hints(owner)
    for entry in fields(owner):
        name = prefix + entry.name
        yield name
        inner = _inner(kinds[entry.name])
        if inner is not None:
            yield from setting_names(inner, name + ("." if is_dataclass(kinds[entry.name]) else "[]."))


def _inner(kind: Any) -> Any:
    """Return the dataclass that a setting is or is a list of, None for a plain value."""
    found = [k for k in (kind, *get_args(kind)) if is_dataclass(k)]
    return found[0] if found else None


def _check_names(given: Any, owner: Any, prefix: str, names: Sequence[str]) -> None:
    """Raise PrepareError for the first key that is no setting of `owner`."""
    if isinstance(given, list):
        for one in given:
            _check_names(one, owner, prefix, names)
        return
    if not isinstance(given, Mapping):
        return
    kinds = get_type_hints(owner)
    for key, value in given.items():
        if key not in kinds:
            raise _wrong(f"{prefix}{key} is none of them{_nearest(f'{prefix}{key}', names)}")
        inner = _inner(kinds[key])
        if inner is not None:
            _check_names(value, inner, prefix + key + ("[]." if isinstance(value, list) else "."), names)


def _nearest(name: str, names: Sequence[str]) -> str:
    """Return a hint: the setting with this last part elsewhere, else the one spelt most alike."""
    last = name.rsplit(".", 1)[-1]
    same = [n for n in names if n.rsplit(".", 1)[-1] == last]
    tails = {n.rsplit(".", 1)[-1]: n for n in reversed(names)}
    alike = difflib.get_close_matches(name, names, 1, 0.7)
    alike = alike or [tails[t] for t in difflib.get_close_matches(last, list(tails), 1, 0.7)]
    found = same or alike
    return f" (did you mean {' or '.join(found[:3])}?)" if found else ""
