"""What a person reads: one line per row as it is measured, the ratios last."""

from typing import Any

from sparft_verl.bandit import _kernel


def no_device() -> str:
    """Return why the rows of a CUDA device cannot be measured here, empty when they can."""
    return _kernel.cuda_problem()


def duration(seconds: float) -> str:
    """Return the time in the unit that fits."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= scale:
            return f"{seconds / scale:.2f} {unit}"
    return f"{seconds * 1e6:.1f} µs"


def rows(measured: list[dict[str, Any]]) -> None:
    """Print times and ratios of one family; a shape timed on fewer rounds than its batch says so."""
    for row in measured:
        shape = row["shape"]
        part = ""
        if shape.get("rounds", 0) < shape.get("batch", 0):
            part = f" (timed on {shape['rounds']} rounds)"
        others = [
            f"{name} {duration(row['seconds'][name])} = {ratio:.1f}x"
            for name, ratio in row["times_faster_than"].items()
        ]
        others += [f"{name} absent" for name in row["absent"]]
        print(
            f"{row['family']} {row['case']}{part}, {row['threads']} thread{'s' * (row['threads'] > 1)}: "
            f"ours {duration(row['seconds']['ours'])}; {'; '.join(others)}; "
            f"{row['times_the_floor']:.1f}x the floor of {row['floor_is']}",
            flush=True,
        )


def summary(result: dict[str, Any]) -> None:
    """Print the floor, what was absent, how cost grows with the prompts, and the ratios."""
    for family, floor in result["floor_seconds_per"].items():
        print(
            f"floor ({family}): {floor['word'] * 1e9:.2f} ns per word, {floor['normal'] * 1e9:.2f} ns per normal, "
            f"{1e-9 / floor['byte']:.1f} GB/s copied (read + written)"
        )
    absent = {f"{n}: {why}" for row in result["rows"] for n, why in row["absent"].items()}
    absent |= {f"{n}: {why}" for n, why in result["absent"].items()}
    for line in sorted(absent):
        print(f"absent: {line}")
    prompts = [row for row in result["rows"] if row["family"] == "prompts" and row["threads"] == 1]
    if prompts:
        per = ", ".join(
            f"{r['shape']['prompts']}: {1e9 * r['seconds']['ours'] / r['shape']['prompts']:.1f}"
            for r in prompts
        )
        print(f"ns per prompt and step, by prompts: {per}")
    print("times faster than, least and greatest over the cases:")
    for key, ratios in grouped(result["rows"]).items():
        family, peer, threads = key
        print(f"  {family:10s} {peer:9s} {threads} thread(s): {min(ratios):7.1f} .. {max(ratios):.1f}")


def grouped(measured: list[dict[str, Any]]) -> dict[tuple[str, str, int], list[float]]:
    """Return the ratios by family, peer and threads."""
    groups: dict[tuple[str, str, int], list[float]] = {}
    for row in measured:
        for peer, ratio in row["times_faster_than"].items():
            groups.setdefault((row["family"], peer, row["threads"]), []).append(ratio)
    return groups
