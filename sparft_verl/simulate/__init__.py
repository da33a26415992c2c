"""`sparft simulate`: curricula on a toy learner, for regression tests and for sizing beyond one machine.

The learner is an item-response model whose ability grows with the signal in the groups it is trained on. That law
favours by construction whatever aims at half-solved prompts, so no claim about how much a language model learns
rests on these figures. What they do show is bookkeeping: where a method spends its prompts, how often a group comes
back without a signal, what late, lost and wrong feedback do to it, and what a step costs at a million prompts.
"""

from sparft_verl.simulate.command import main
from sparft_verl.simulate.compare import Comparison, compare
from sparft_verl.simulate.run import Result, simulate
from sparft_verl.simulate.scenarios import SCENARIOS, Items, Learning, Returns, Scenario
from sparft_verl.simulate.variants import Variant, parse_variants

__all__ = [
    "SCENARIOS",
    "Comparison",
    "Items",
    "Learning",
    "Result",
    "Returns",
    "Scenario",
    "Variant",
    "compare",
    "main",
    "parse_variants",
    "simulate",
]
