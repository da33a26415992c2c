"""`sparft doctor`: what is installed here, and whether it fits together."""

import argparse
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec


@dataclass(frozen=True)
class Check:
    """One line of the report."""

    name: str
    ok: bool
    found: str
    fix: str = ""


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _python() -> Check:
    version = platform.python_version()
    return Check("python", (3, 11) <= sys.version_info[:2] <= (3, 12), version, "use Python 3.11 or 3.12")


def _kernel() -> Check:
    from sparft_verl.bandit import backend_info

    return Check("kernel", True, backend_info())


def _verl() -> Check:
    from packaging.version import Version

    from sparft_verl.verl_plugin.switch import SUPPORTED_VERL

    low, high = SUPPORTED_VERL
    version = _version("verl")
    ok = version is not None and low <= Version(version) < high
    return Check("verl", ok, version or "not installed", f"install verl>={low},<{high}")


def _entry_point() -> Check:
    names = [point.name for point in metadata.entry_points(group="verl.plugins")]
    return Check(
        "verl plug-in",
        "sparft" in names,
        ", ".join(names) or "none",
        "install sparft-verl with pip, not by path",
    )


def _hydra_group() -> Check:
    from hydra import compose, initialize_config_module

    try:
        with initialize_config_module("sparft_verl.config", version_base=None):
            compose(overrides=["+curriculum=sparft"])
        return Check("hydra group", True, "+curriculum=sparft")
    except Exception as error:
        return Check("hydra group", False, str(error).splitlines()[0], "reinstall sparft-verl")


def _faiss() -> Check:
    both = [name for name in ("faiss-cpu", "faiss-gpu") if _version(name)]
    if len(both) == 2:
        return Check(
            "faiss",
            False,
            "faiss-cpu and faiss-gpu",
            "uninstall both, then install one: they overwrite each other",
        )
    if find_spec("faiss") is None:
        return Check("faiss", True, "not installed; `sparft prepare` clusters with scikit-learn")
    import faiss

    return Check("faiss", True, f"{faiss.__version__}, {faiss.get_num_gpus()} GPU(s)")


def _torch() -> Check:
    version = _version("torch")
    if version is None:
        return Check("torch", False, "not installed", "pip install 'sparft-verl[cpu]' or 'sparft-verl[gpu]'")
    import torch

    gpus = torch.cuda.device_count()
    return Check("torch", True, f"{version}, " + (f"{gpus} GPU(s)" if gpus else "no GPU: train with --cpu"))


def _optional(package: str, purpose: str) -> Callable[[], Check]:
    def check() -> Check:
        return Check(package, True, _version(package) or f"not installed; needed {purpose}")

    return check


def checks() -> Iterator[Check]:
    """Yield every check, cheap ones first."""
    steps: list[Callable[[], Check]] = [
        _python,
        _kernel,
        _verl,
        _entry_point,
        _hydra_group,
        _torch,
        _faiss,
        _optional("ray", "to train"),
        _optional("vllm", "to train on GPUs"),
        _optional("sentence-transformers", "to embed prompts with a model"),
    ]
    for step in steps:
        yield step()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sparft doctor", description=__doc__)
    parser.add_argument(
        "--rewards",
        action="store_true",
        help="instead, score some rows of a run's training data with its reward function, and show what a "
        "curriculum would make of the scores; takes the run's own overrides",
    )
    parser.add_argument("--rows", type=int, default=20, help="how many rows (default: %(default)s)")
    parser.add_argument(
        "--form", help="how the scorer wants an answer written, {} in the answer's place, e.g. '#### {}'"
    )
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="OVERRIDE",
        help="with --rewards: the hydra overrides of a verl command",
    )
    return parser


def main(argv: list[str]) -> int:
    """Print one line for each check and return 1 if one failed; with --rewards see `doctor_rewards.check`."""
    parser = _parser()
    arguments = parser.parse_intermixed_args(argv)
    if arguments.rewards:
        from sparft_verl import doctor_rewards

        return doctor_rewards.check(arguments.overrides, rows=arguments.rows, form=arguments.form)
    if arguments.overrides or arguments.form:
        parser.error("overrides and --form go with --rewards")
    failed = 0
    for check in checks():
        failed += not check.ok
        print(f"{'ok  ' if check.ok else 'FAIL'}  {check.name:22}{check.found}")
        if not check.ok:
            print(f"      {'':22}-> {check.fix}")
    return int(failed > 0)
