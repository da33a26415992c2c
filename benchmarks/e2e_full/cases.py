"""The cases: one verl configuration each, and what is to be proven of it."""

from dataclasses import dataclass, replace
from pathlib import Path

from recipes.tiny_cpu import __file__ as _recipe

_POLICY = Path(_recipe).with_name("policy")
_SAMPLER = Path(__file__).with_name("user_sampler.py")
_ACTOR, _ROLLOUT, _MODEL = (f"actor_rollout_ref.{part}" for part in ("actor", "rollout", "model"))
MODES = ("sync", "colocate_async", "separate_async")


@dataclass(frozen=True)
class Case:
    """One entry of the result."""

    name: str
    mode: str
    overrides: tuple[str, ...] = ()
    steps: int = 6
    reward: str = "by_answer"
    save_every: int = 3
    kills: int = 0
    resumed: tuple[str, ...] = ()
    """Overrides of the launch after the last kill, beside those of all."""
    filtered: bool = False
    """Whether verl's DAPO filter is on."""
    logs: tuple[str, ...] = ()
    """Metrics that prove that the setting took effect, each logged at the last step."""

    @property
    def command(self) -> tuple[str, ...]:
        """Return the hydra overrides, mode and filter included."""
        own = [f"trainer.v1.trainer_mode={self.mode}", f"trainer.save_freq={self.save_every}"]
        if self.filtered:
            own += ["algorithm.filter_groups.enable=True", "algorithm.filter_groups.metric=reward"]
        return (*own, *self.overrides)


# The filter replaces what teaches nothing, without end. The published SPaRFT seeks the arm that is never solved, so
# that arm is held back; and a policy that learns fast soon gives one answer to everything, so this one learns slowly.
_REFILLABLE = ("curriculum.guard_rollouts=16", f"{_ACTOR}.optim.lr=1e-6")


def _long(mode: str, filtered: bool) -> Case:
    name = f"{mode}-filter" if filtered else mode
    return Case(name, mode, _REFILLABLE if filtered else (), steps=30, save_every=10, filtered=filtered)


def _killed(mode: str) -> Case:
    # 24 steps and a checkpoint every 2: five kills, each up to three steps and a few seconds after the first
    # prompt of its launch, do not reach the end, and most of a launch is not spent on steps done before.
    reward = "by_prompt" if mode == "sync" else "by_answer"
    return Case(f"kills-{mode}", mode, steps=24, reward=reward, save_every=2, kills=5)


CASES = (
    _killed("colocate_async"),
    _killed("separate_async"),
    Case(
        "lora-tis",
        "sync",
        (
            f"{_MODEL}.lora_rank=8", f"{_MODEL}.lora_alpha=16", f"{_MODEL}.lora.merge=True",
            f"{_ACTOR}.use_kl_loss=True",
            "algorithm.rollout_correction.rollout_is=token",
            "algorithm.rollout_correction.rollout_is_threshold=2.0",
        ),
        logs=("rollout_corr/rollout_is_mean", "actor/kl_loss"),
    ),
    Case(
        "gae-critic",
        "sync",
        ("algorithm.adv_estimator=gae", f"critic.model.path={_POLICY}"),
        logs=("critic/vf_loss", "critic/values/mean")),
    # Advantages normalised over the batch: under a reward that the prompt alone decides, those of GRPO are all
    # zero, the policy never leaves the reference, and there would be no KL to keep apart.
    Case(
        "kl-in-reward",
        "sync",
        (
            "algorithm.use_kl_in_reward=True", "algorithm.kl_ctrl.kl_coef=0.5",
            "algorithm.adv_estimator=reinforce_plus_plus", f"{_ACTOR}.optim.lr=1e-3",
        ),
        reward="graded_by_prompt",
        logs=("critic/score/mean", "critic/rewards/mean"),
    ),
    _killed("sync"),
    Case("rloo", "sync", ("algorithm.adv_estimator=rloo",)),
    Case("reinforce-plus-plus", "colocate_async", ("algorithm.adv_estimator=reinforce_plus_plus",)),
    Case("two-ranks", "sync", ("trainer.n_gpus_per_node=2",)),
    # verl's shards are of one number of ranks: here the weights start anew, and only the curriculum goes on.
    Case(
        "resume-on-two-ranks", "sync", steps=8, reward="by_prompt", save_every=2, kills=1,
        resumed=("trainer.n_gpus_per_node=2", f"{_ACTOR}.checkpoint.load_contents=[]"),
    ),
    Case(
        "custom-sampler",
        "colocate_async",
        (
            f"trainer.v1.sampler.custom_sampler.path={_SAMPLER}",
            "trainer.v1.sampler.custom_sampler.name=EveryFifthDropped",
        ),
        steps=8,
        logs=("user/sampled",),
    ),
    replace(
        _long("separate_async", False),
        name="separate_async-two-updates",
        steps=8,
        save_every=4,
        overrides=(
            "trainer.v1.separate_async.parameter_sync_step=2",
            f"{_ACTOR}.ppo_mini_batch_size=4", f"{_ACTOR}.ppo_micro_batch_size_per_gpu=16",
            f"{_ROLLOUT}.log_prob_micro_batch_size_per_gpu=16",
        ),
    ),
    *(_long(mode, filtered) for filtered in (False, True) for mode in reversed(MODES)),
)  # fmt: skip
