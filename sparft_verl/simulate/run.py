"""One curriculum, one world, one seed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sparft_verl.simulate import face
from sparft_verl.simulate.items import make_bank
from sparft_verl.simulate.learner import make_learner
from sparft_verl.simulate.returns import Way
from sparft_verl.simulate.scenarios import Scenario
from sparft_verl.simulate.tally import Tally
from sparft_verl.simulate.variants import Variant


@dataclass(frozen=True)
class Result:
    """What one run came to."""

    label: str
    """The variant's name."""
    seed: int
    measures: dict[str, float]
    """Figures by name; `MEASURES` says what each is."""
    curve: list[tuple[int, float]]
    """(step, mean solve rate over all prompts), from step 0."""
    allocation: list[float]
    """Share of the prompts served that each arm got."""
    seconds: dict[str, float]
    """Wall-clock: `curriculum` (propose, observe, cancel, tick) and `world` (everything else) over all steps."""


def simulate(
    scenario: Scenario,
    variant: Variant,
    seed: int,
    *,
    evaluate_every: int | None = None,
    progress: Callable[[int], object] = lambda steps: None,
) -> Result:
    """Return the result of one run; the same for the same arguments, its seconds apart.

    `evaluate_every` steps (default: a tenth of the run) the solve rate over all prompts is taken, the only thing
    that is not O(batch + arms). `progress` is called with 1 after each step. Raises ValueError for settings that
    the method refuses, or a batch that it cannot fill.
    """
    bank = make_bank(scenario.items, seed)
    learner = make_learner(bank, scenario.learning, scenario.batch)
    curriculum = face.make(variant.method, seed, variant.settings, bank.arms())
    way, tally = Way(scenario.returns, scenario.rollouts, seed), Tally(bank)
    every = evaluate_every or max(1, scenario.steps // 10)
    curve = [(0, learner.mean_solve_rate())]
    begin, inside = time.perf_counter(), 0.0
    for step in range(1, scenario.steps + 1):
        at = time.perf_counter()
        ticket = curriculum.propose(scenario.batch)
        inside += time.perf_counter() - at
        p = learner.solve_rate(ticket.rows)
        tally.served(ticket.rows, p, learner.arm_signal())
        way.roll(ticket.id, ticket.rows, p, bank.wrong_label[ticket.rows], step)
        back = way.arrive(step)
        trained = None
        at = time.perf_counter()
        if back is not None:
            trained = face.hand_over(curriculum, back)
        curriculum.tick(step)
        inside += time.perf_counter() - at
        if back is not None and trained is not None:
            tally.came(back)
            learner.train(trained.row, trained.learnt)
        if step % every == 0 or step == scenario.steps:
            curve.append((step, learner.mean_solve_rate()))
        progress(1)
    total = time.perf_counter() - begin
    measures = {
        **tally.measures(scenario.items.mastered),
        "ability": float(np.mean(learner.ability[~bank.dead])),
        "solve_rate": curve[-1][1],
    }
    return Result(
        variant.label,
        seed,
        measures,
        curve,
        tally.allocation(),
        {"curriculum": inside, "world": total - inside},
    )
