"""Where an embedding model lies, and what identifies it: the same model, or the stop, on every worker."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.metadata
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparft_verl.prepare.embed_config import EmbedConfig
from sparft_verl.prepare.errors import PrepareError, require

_MODULE = "module:"
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
# What a model folder says about how its weights are used: tokenizer, pooling, limits.
_SETTINGS = ("*.json", "*.txt", "*.model")
# Other copies of the same weights that lie in hub repositories, often several times the size of the model.
_NOT_FETCHED = ("onnx/*", "openvino/*", "*.h5", "*.msgpack", "*.ot", "*.gguf", "*.onnx")
_PACKAGES = {
    "sentence_transformers": ("sentence-transformers", "torch", "transformers"),
    "vllm": ("vllm", "torch", "transformers"),
}
_FIXES = (
    "give embed.model=FOLDER with the model in it, or embed.model=module:NAME of an installed package that "
    "carries one, fetch it beforehand with `hf download`, or choose "
    "embed.engine=lexical (word overlap, no model)"
)


@dataclass(frozen=True)
class Located:
    """A model folder, the commit it is of (hub models), and checksums of its weights and of its settings."""

    folder: str
    commit: str | None
    weights_sha256: str | None
    settings_sha256: str


def identify(config: EmbedConfig) -> dict[str, Any]:
    """Return all that the bits of this machine's vectors depend on besides the prompts, as JSON values.

    Loads no weights. Raises PrepareError when packages, model or device cannot be had, or the checksum differs.
    """
    versions = _versions(config.engine)
    device, hardware = choose_device(config)
    found = locate(config)
    return {
        "engine": config.engine,
        "model": config.model,
        "commit": found.commit,
        "weights_sha256": found.weights_sha256,
        "settings_sha256": found.settings_sha256,
        "max_tokens": config.max_tokens,
        "batch_size": config.batch_size,
        "dtype": config.dtype,
        "device": device.split(":")[0],
        "hardware": hardware,
        **({"vllm": dict(config.vllm)} if config.engine == "vllm" else {}),
        "versions": versions,
    }


def require_same(here: dict[str, Any], there: dict[str, Any]) -> None:
    """Raise PrepareError that names the first difference between the worker that was asked and this one."""
    differing = [key for key in there if here.get(key) != there[key]]
    key = differing[0] if differing else ""
    require(
        not differing,
        f"all workers must embed with the same {key}",
        f"{there.get(key)!r} on one and {here.get(key)!r} on {platform.node()}",
        "give every node the same model, packages and hardware, or leave out the node",
    )


def choose_device(config: EmbedConfig) -> tuple[str, str]:
    """Return torch's name of the device, and which hardware it is. PrepareError when a GPU asked for is absent."""
    import torch

    has_cuda = torch.cuda.is_available()
    device = ("cuda" if has_cuda else "cpu") if config.device == "auto" else config.device
    require(
        has_cuda or not device.startswith("cuda"),
        f"embed.device={config.device} needs a GPU that torch sees",
        "none",
        "use embed.device=cpu",
    )
    if device == "cpu":
        return device, f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    return device, str(torch.cuda.get_device_name(device))


def locate(config: EmbedConfig) -> Located:
    """Return where the model lies; a hub model is taken from the local cache, else fetched if the hub answers."""
    commit = None
    if config.model.startswith(_MODULE):
        name = config.model.removeprefix(_MODULE)
        try:
            folder = str(importlib.import_module(name).get_model_path())
        except (ImportError, AttributeError) as e:
            raise PrepareError(
                f"embed.model=module:NAME needs an installed package with get_model_path(), but {e}; {_FIXES}"
            ) from e
    elif Path(config.model).is_dir():
        folder = config.model
    else:
        folder = _hub_folder(config)
        commit = Path(folder).name
    weights = weights_sha256(Path(folder))
    if config.weights_sha256 is not None:
        require(
            weights == config.weights_sha256,
            f"the weights of embed.model={config.model} must have sha256 {config.weights_sha256}",
            weights or "no weight file",
            "use the model you trust; a hub model is pinned by embed.revision too",
        )
    return Located(folder, commit, weights, _settings_sha256(Path(folder)))


def weights_sha256(folder: Path) -> str | None:
    """Return the sha256 of a model folder's weight file, of the checksums of several, or None without one."""
    sums = [_sum(path) for pattern in _WEIGHTS for path in sorted(folder.rglob(pattern))]
    if len(sums) < 2:
        return sums[0] if sums else None
    return hashlib.sha256("\n".join(sums).encode()).hexdigest()


def _settings_sha256(folder: Path) -> str:
    paths = sorted({path for pattern in _SETTINGS for path in folder.rglob(pattern)})
    lines = [f"{path.relative_to(folder)} {_sum(path)}" for path in paths]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _sum(path: Path) -> str:
    status = path.stat()
    return _sum_once(str(path), status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _sum_once(path: str, size: int, changed: int) -> str:
    """Return the checksum; weights of gigabytes are read once in a process, not by each of its stages."""
    from sparft_verl.artefact import sha256_file

    return sha256_file(Path(path))


def _hub_folder(config: EmbedConfig) -> str:
    """Return the folder of a hub model in the local cache, fetched before if need be (its retries take minutes)."""
    from huggingface_hub import HfApi, snapshot_download

    def fetch(local: bool, ignored: tuple[str, ...] = _NOT_FETCHED) -> str:
        return snapshot_download(
            config.model, revision=config.revision, local_files_only=local, ignore_patterns=list(ignored)
        )

    try:
        folder = fetch(local=True)
        if weights_sha256(Path(folder)) is not None:
            return folder
        failure: Exception = FileNotFoundError("the local cache holds it without weights")
    # LocalEntryNotFoundError and HFValidationError are both of these
    except (OSError, ValueError) as e:
        failure = e
    if os.environ.get("HF_HUB_OFFLINE", "0").lower() not in ("1", "true", "yes"):
        try:
            info = HfApi().model_info(config.model, revision=config.revision, timeout=10)
            safe = any(file.rfilename.endswith(".safetensors") for file in info.siblings or [])
            return fetch(local=False, ignored=(*_NOT_FETCHED, *(("*.bin",) if safe else ())))
        # httpx and requests have error trees of their own, and which of them is in use depends on the version
        except Exception as e:
            failure = e
    cause = (str(failure).strip().splitlines() or [type(failure).__name__])[0]
    raise PrepareError(
        f"embed.model must be a folder, in the local cache, or reachable on the hub, but {config.model!r} is "
        f"none of these ({type(failure).__name__}: {cause}); {_FIXES}"
    ) from failure


def _versions(engine: str) -> dict[str, str]:
    try:
        return {name: importlib.metadata.version(name) for name in _PACKAGES[engine]}
    except importlib.metadata.PackageNotFoundError as e:
        extra = "[gpu]" if engine == "vllm" else "[cpu] or [gpu]"
        raise PrepareError(
            f"embed.engine={engine} needs that package, but {e.name} is not installed; install "
            f"sparft-verl{extra}, or choose embed.engine=lexical (word overlap, no model)"
        ) from e
