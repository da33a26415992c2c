"""The house rules, read from the source itself."""

import ast
import re
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sparft_verl"
SOURCES = sorted(PACKAGE.rglob("*.py"))

# room -> rooms it may import from; `artefact` is the file in which prepare and curricula meet
ARROWS = {
    "atomic": set(),
    "bandit": set(),
    "curricula": {"bandit"},
    "journal": set(),
    "overhead": set(),
    "arms_file": {"atomic", "curricula"},
    "telling": {"curricula", "journal"},
    "sampler": {"arms_file", "curricula", "journal", "overhead", "telling"},
    "replay": {"arms_file", "bandit", "curricula", "journal", "telling"},
    "artefact": {"atomic", "identity"},
    "identity": set(),
    # of bandit only the numeric op farthest_points, of report only the page beside a finished artefact
    "prepare": {"artefact", "atomic", "identity", "bandit", "report", "success"},
    "report": {"artefact", "atomic", "journal"},
    "config": set(),
    "success": set(),
    "verl_plugin": {
        "artefact",
        "atomic",
        "identity",
        "curricula",
        "journal",
        "sampler",
        "success",
        "telling",
    },
    "train": {"verl_plugin"},
    "doctor": {"bandit", "doctor_rewards", "verl_plugin"},
    "doctor_rewards": {"verl_plugin"},
    "simulate": {"curricula"},
    "cli": {"prepare", "train", "replay", "report", "simulate", "doctor"},
    "__init__": set(),
}
LIBRARIES_KEPT_OUT = {
    "bandit": {"torch", "verl", "ray", "faiss", "sklearn"},
    "curricula": {"torch", "verl", "ray", "faiss", "sklearn"},
    "journal": {"torch", "verl", "ray"},
    "prepare": {"verl", "ray"},
    "replay": {"torch", "verl", "ray", "faiss", "sklearn", "scipy"},
    "report": {"torch", "verl", "ray", "faiss"},
    "sampler": {"verl", "ray"},
    "simulate": {"torch", "verl", "ray", "faiss", "sklearn", "scipy"},
}


# the one file in a room that may import what is kept out of the room
DOORS = {"prepare/ray_engine.py": {"ray"}}


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 or node.module is None or room(path) != "cli", path
            module = node.module or ""
            if node.level:
                parts = path.relative_to(ROOT).with_suffix("").parts[: -node.level]
                module = ".".join([*parts, *([module] if module else [])])
            found |= {f"{module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_go_one_way(path: Path) -> None:
    allowed = ARROWS[room(path)] | {room(path)}
    file = str(path.relative_to(PACKAGE))
    if room(path) == "prepare" and file != "prepare/page.py":
        allowed = allowed - {"report"}
    for name in imports(path):
        if name.startswith("sparft_verl."):
            assert name.split(".")[1] in allowed, f"{path} imports {name}"
        top = name.split(".")[0]
        kept_out = LIBRARIES_KEPT_OUT.get(room(path), set()) - DOORS.get(file, set())
        assert top not in kept_out, f"{path} imports {name}"


def test_only_the_plug_in_imports_verl() -> None:
    importers = {
        room(path) for path in SOURCES if any(name.split(".")[0] == "verl" for name in imports(path))
    }
    assert importers == {"verl_plugin"}


def test_the_cpu_back_end_is_named_only_in_its_own_room() -> None:
    words = re.compile(r"fsdp2|gloo|hf_cpu", re.IGNORECASE)
    outside = [path for path in SOURCES if PACKAGE / "verl_plugin" / "cpu" not in path.parents]
    assert [path for path in outside if words.search(path.read_text())] == []


def verl_names(tree: ast.AST) -> set[str]:
    """Names in a module that stand for something of verl's."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {a.asname or a.name.split(".")[0] for a in node.names if a.name.split(".")[0] == "verl"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "verl":
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def test_nothing_is_assigned_into_verl_but_the_one_allowed_line() -> None:
    seen = []
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        names = verl_names(tree)
        for node in ast.walk(tree):
            targets = node.targets if isinstance(node, ast.Assign) else []
            if isinstance(node, ast.AugAssign | ast.AnnAssign):
                targets = [node.target]
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("setattr", "delattr")
            ):
                targets = [node.args[0]]
            for target in targets:
                root = target
                while isinstance(root, ast.Attribute | ast.Subscript):
                    root = root.value
                if root is not target and isinstance(root, ast.Name) and root.id in names:
                    seen.append(ast.unparse(target))
                elif isinstance(node, ast.Call) and isinstance(root, ast.Name) and root.id in names:
                    seen.append(ast.unparse(node))
    assert len(seen) <= 1 and all("_ROLLOUT_REGISTRY[" in line for line in seen), seen


def test_no_code_draws_from_a_global_generator() -> None:
    pattern = re.compile(
        r"np\.random\.(?!Generator|Philox|BitGenerator|SeedSequence)|(?<![\w.])random\.(random|choice|shuffle|seed)"
    )
    assert [path for path in SOURCES if pattern.search(path.read_text())] == []


def test_no_code_of_ours_reads_a_pickle() -> None:
    pattern = re.compile(r"import pickle|pickle\.loads?\(|torch\.load\(|allow_pickle=True")
    assert [path for path in SOURCES if pattern.search(path.read_text())] == []


def test_files_are_small() -> None:
    files = [
        path
        for folder in ("sparft_verl", "csrc", "tests", "recipes", "benchmarks")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".cpp", ".h", ".cu", ".sh")
    ]
    lengths = {path: len(path.read_text().splitlines()) for path in files}
    assert {path: n for path, n in lengths.items() if n > 500} == {}
    assert statistics.median(lengths.values()) <= 150


def test_every_python_file_of_the_package_says_what_it_is_for() -> None:
    assert [path for path in SOURCES if not ast.get_docstring(ast.parse(path.read_text()))] == []
