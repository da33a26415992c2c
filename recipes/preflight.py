"""What must be there before Ray starts: each script runs it first. ``python -m recipes.preflight --help``

Every problem is named with its fix, all at once; nothing is downloaded.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from recipes.pins import Pins, read_pins

RECIPES = Path(__file__).parent
WEIGHTS = ("*.safetensors", "*.bin", "*.safetensors.index.json")
ROWS_OF = {"smoke_gpu": "gsm8k"}
"""Recipes that train on the rows of another one."""
ONE_ARM = ("random", "stratified")
"""Baselines whose items are drawn from all rows alike, so that the artefact must have one arm."""


def _versions(pins: Pins) -> Iterator[str]:
    """verl must have the trainer that the recipes are written for; of the others only absence is a problem."""
    from packaging.version import Version

    from sparft_verl.verl_plugin.switch import SUPPORTED_VERL

    low, high = Version(pins.versions["verl"]), SUPPORTED_VERL[1]
    for package, pinned in pins.versions.items():
        try:
            found = metadata.version(package)
        except metadata.PackageNotFoundError:
            extra = "gpu" if "vllm" in pins.versions else "cpu"
            yield f"{package} is not installed; install {package}=={pinned}: pip install 'sparft-verl[{extra}]'"
            continue
        if package == "verl" and not low <= Version(found) < high:
            yield (
                f"verl {found} is installed, but the recipes need verl>={low},<{high}; pip install verl=={pinned}"
            )
        elif Version(found).public != pinned:
            print(f"preflight: {package} {found}; the recipe was written for {pinned}", file=sys.stderr)


def _gpus(wanted: int, nodes: int) -> Iterator[str]:
    address = os.environ.get("RAY_ADDRESS")
    if nodes > 1 and not address:
        yield (
            f"NNODES={nodes} needs a running Ray cluster, but RAY_ADDRESS is not set; start one by `ray start` on each "
            "node and export RAY_ADDRESS=HEAD:6379, or use recipes/launchers"
        )
    if address or wanted == 0:  # a cluster's GPUs are verl's to count; this machine need not have one
        return
    try:
        import torch
    except ImportError:
        return  # already said by the versions
    found = torch.cuda.device_count()
    if found == 0:
        yield (
            "no GPU is visible to torch; check nvidia-smi, CUDA_VISIBLE_DEVICES, and that torch is a CUDA build "
            f"(found {torch.__version__}). Without a GPU: recipes/tiny_cpu"
        )
    elif found < wanted:
        yield f"NGPUS={wanted}, but torch sees {found}; set NGPUS={found}, or make more visible"


def _data(recipe: str, folder: Path) -> Iterator[str]:
    from recipes.rows import problems

    yield from problems(ROWS_OF.get(recipe, recipe), folder)


def _artefact(folder: Path, recipe: str, data: Path, selection: str) -> Iterator[str]:
    from sparft_verl.artefact import ArtefactError, read_artefact

    more = f" cluster.column=null cluster.k=1 select.strategy={selection}" if selection in ONE_ARM else ""
    more += " select.budget=all" if selection == "full" else ""
    fix = f"DATA={data} ARTEFACT={folder} sparft prepare --config {RECIPES / recipe / 'prepare.yaml'}{more}"
    try:
        found = read_artefact(folder)
    except ArtefactError as error:
        yield f"ARTEFACT: {error}; write it by {fix}"
        return
    if selection in ONE_ARM and len(found.arm_names) != 1:
        yield (
            f"BASELINE={selection} needs items drawn from all rows, but {folder} has {len(found.arm_names)} arms; "
            f"write it by {fix}"
        )


def _model(name: str) -> Iterator[str]:
    """A folder must hold a model; a name must be in the cache or on the hub."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file() or not any(any(folder.glob(kind)) for kind in WEIGHTS):
            yield f"MODEL={name} is a folder without config.json and weights; give the folder of a Hugging Face model"
        return
    if name.startswith(("/", ".", "~")) or name.count("/") != 1:
        yield f"MODEL={name} is no folder here and no hub name (ORGANISATION/NAME); correct the path"
        return
    from huggingface_hub import HfApi, constants, try_to_load_from_cache
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    if isinstance(try_to_load_from_cache(name, "config.json"), str):
        return
    if constants.HF_HUB_OFFLINE:
        yield f"MODEL={name} is not in the cache, and HF_HUB_OFFLINE=1; `hf download {name}` first, or give a folder"
        return
    try:
        HfApi().auth_check(name)
    except GatedRepoError:
        yield f"MODEL={name} is gated; accept its licence at https://huggingface.co/{name}, then `hf auth login`"
    except RepositoryNotFoundError:
        yield f"MODEL={name} is not on the hub (or private); correct the name, or `hf auth login`"
    except (HfHubHTTPError, OSError) as error:
        yield f"MODEL={name} is not in the cache, and the hub cannot be asked ({type(error).__name__}); give a folder"


def check(arguments: argparse.Namespace) -> list[str]:
    """Return every problem, cheap ones first."""
    found = list(_versions(read_pins(RECIPES / arguments.recipe)))
    found += _gpus(arguments.gpus, arguments.nodes)
    if arguments.data is not None:
        found += _data(arguments.recipe, arguments.data)
    if arguments.artefact is not None:
        found += _artefact(arguments.artefact, arguments.recipe, arguments.data, arguments.selection)
    return found + list(_model(arguments.model))


def main(argv: list[str] | None = None) -> int:
    """Return 0, or 1 with every problem on stderr; with --mode warn always 0."""
    parser = argparse.ArgumentParser(prog="python -m recipes.preflight", description=__doc__)
    parser.add_argument("--recipe", required=True, help="folder below recipes/")
    parser.add_argument("--data", type=Path, help="folder that the data script wrote")
    parser.add_argument("--artefact", type=Path, help="folder written by `sparft prepare`")
    parser.add_argument("--selection", default="selected", help="selected, full, random or stratified")
    parser.add_argument("--model", required=True, help="hub name or folder")
    parser.add_argument("--gpus", type=int, required=True, help="GPUs that each node must have; 0 for a CPU")
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--mode", choices=("stop", "warn"), default="stop")
    arguments = parser.parse_args(argv)
    found = check(arguments)
    for problem in found:
        print(f"preflight: {problem}", file=sys.stderr)
    if found and arguments.mode == "stop":
        print("preflight: nothing was started (PREFLIGHT=warn goes on all the same)", file=sys.stderr)
    return int(bool(found) and arguments.mode == "stop")


if __name__ == "__main__":
    raise SystemExit(main())
