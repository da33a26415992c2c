"""What a person reads: the stages, the curve, the meaning of the arms, the ratios last."""

from typing import Any

from benchmarks.prepare.stages import COUNTED, LIMIT


def pipeline(rows: list[dict[str, Any]], full: bool) -> None:
    """Print the seconds of each stage; the limit is for the full size at a fixed k."""
    for row in rows:
        parts = ", ".join(f"{name} {seconds:.2f}" for name, seconds in row["seconds"].items())
        print(f"{row['rows']} prompts, {row['case']}: {parts} s")
        print(f"  whole {row['seconds_whole']:.2f} s, {row['cpu_seconds_whole']:.2f} CPU seconds")
        if full and row["case"] == "k=10":
            over = "over" if row["seconds_counted"] > LIMIT else "within"
            print(
                f"  {' + '.join(COUNTED)}: {row['seconds_counted']:.2f} s, {over} the limit of {LIMIT:.0f} s"
            )
        for entry in row["stability"] or []:
            stable = "stable" if entry["stable"] else "not stable"
            print(
                f"  k={entry['k']}: silhouette {entry['silhouette']:.3f}, ARI {entry['ari']:.2f} ({stable})"
            )


def meaning(rows: list[dict[str, Any]]) -> None:
    """Print agreement with the families and difficulty's share between arms."""
    for row in rows:
        print(
            f"{row['data']} ({row['rows']} prompts, {row['k']} arms), w={row['weight']}: "
            f"ARI {row['ari']:.3f}, eta squared of difficulty {row['eta_squared']:.3f}"
        )


def curve(rows: list[dict[str, Any]]) -> None:
    """Print microseconds a prompt, which stay level where the cost is linear."""
    for row in rows:
        parts = ", ".join(f"{n} {1e6 * s / row['rows']:.1f}" for n, s in row["seconds"].items())
        whole = sum(row["seconds"].values())
        print(
            f"{row['rows']} x {row['dim']}, k={row['k']}: {whole:.2f} s ({row['cpu_seconds']:.2f} CPU seconds); "
            f"microseconds a prompt: {parts}"
        )


def ratios(rows: list[dict[str, Any]]) -> None:
    """Print how many times our k-means is faster than each library, and what it reaches beside it."""
    print("k-means, times faster than (inertia of theirs / ours):")
    for row in rows:
        shape = row["shape"]
        others = [
            f"{name} {ratio:.2f}x ({row['inertia'][name] / row['inertia']['ours']:.4f})"
            for name, ratio in row["times_faster_than"].items()
        ]
        others += [f"{name} absent ({why})" for name, why in row["absent"].items()]
        print(
            f"  {shape['rows']} x {shape['dim']}, k={shape['k']}, {shape['starts']} starts, "
            f"{row['threads']} threads: ours {row['seconds']['ours']:.3f} s; {'; '.join(others)}"
        )
