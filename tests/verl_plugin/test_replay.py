"""Our replay buffers are verl's, with every argument that verl gave, and tell what they throw away and why."""

import inspect
from collections import Counter

import pytest
from omegaconf import OmegaConf

from sparft_verl.verl_plugin import GATE_METRIC
from sparft_verl.verl_plugin.errors import CurriculumError

pytest.importorskip("verl", reason="needs verl")
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer, ReplayBufferAsync

from sparft_verl.verl_plugin.replay import reporting


class Listener:
    """Keeps what it was told, and rejects the groups in `bad`."""

    def __init__(self, bad=()) -> None:
        self.told, self.asked, self.bad = [], [], set(bad)

    def on_discard(self, reason, tags, lost) -> None:
        self.told.append((reason, sorted(tags), sorted(lost)))

    def rejected(self, groups):
        self.asked.append({uid: sorted(tags) for uid, tags in groups.items()})
        return self.bad & groups.keys()


def stock(kind: type[ReplayBuffer], **more) -> ReplayBuffer:
    arguments = dict(
        trainer_mode="sync",
        trainer_config=OmegaConf.create({"a": 1}),
        max_off_policy_threshold=3,
        max_off_policy_strategy="drop",
        sampler_kwargs=OmegaConf.create(),
        poll_interval=0.25,
        refill_fn=print,
        filter_groups_metric="reward",
        train_batch_size=16,
        gen_batch_size=1,
        max_inflight_gen_batches=2,
    )
    return kind(**(arguments | more))


@pytest.fixture
def gone(monkeypatch) -> list:
    """What verl's own buffer deletes."""
    deleted: list = []
    monkeypatch.setattr(
        ReplayBuffer, "_clear_groups", lambda self, partition, uids: deleted.append((partition, sorted(uids)))
    )
    return deleted


@pytest.mark.parametrize("kind", [ReplayBuffer, ReplayBufferAsync])
def test_every_argument_of_verls_buffer_is_kept(kind: type[ReplayBuffer]) -> None:
    given = stock(kind, sync_refill_failed_groups=True)
    ours = reporting(given, Listener(), gated=False)
    assert isinstance(ours, kind) and type(ours) is not kind
    for name in list(inspect.signature(ReplayBuffer.__init__).parameters)[1:]:
        assert getattr(ours, name) is getattr(given, name), name


class Custom(ReplayBufferAsync):
    def __init__(
        self,
        trainer_mode,
        trainer_config,
        max_off_policy_threshold,
        max_off_policy_strategy,
        sampler_kwargs,
        refill_fn=None,
    ):
        super().__init__(
            trainer_mode,
            trainer_config,
            max_off_policy_threshold,
            max_off_policy_strategy,
            sampler_kwargs,
            refill_fn=refill_fn,
        )


ARGUMENTS = ("async", OmegaConf.create(), 2, "wait", OmegaConf.create({"x": 1}))


def test_a_buffer_of_the_users_own_that_derives_from_verls_is_mixed_into() -> None:
    given = Custom(*ARGUMENTS, refill_fn=print)
    ours = reporting(given, Listener(), gated=False)
    assert isinstance(ours, Custom)
    assert (ours.refill_fn, ours.max_off_policy_strategy, ours.sampler_kwargs.x) == (print, "wait", 1)


def test_a_buffer_of_the_users_own_that_cannot_be_built_anew_or_would_be_gated_is_refused() -> None:
    class Picky(Custom):
        def __init__(self, *args, secret, **kwargs):
            super().__init__(*args, **kwargs)

    with pytest.raises(CurriculumError, match=r"Picky of trainer\.v1\.sampler\.custom_sampler cannot"):
        reporting(Picky(*ARGUMENTS, secret=1), Listener(), gated=False)
    with pytest.raises(CurriculumError, match=r"curriculum\.gate needs verl's own"):
        reporting(Custom(*ARGUMENTS), Listener(), gated=True)
    with pytest.raises(CurriculumError, match="derives from verl's ReplayBuffer, but object"):
        reporting(object(), Listener(), gated=False)


def test_cleared_training_groups_are_reported_before_verl_deletes_them(monkeypatch) -> None:
    order: list = []
    monkeypatch.setattr(
        ReplayBuffer, "_clear_groups", lambda self, partition, uids: order.append(("gone", sorted(uids)))
    )
    listener = Listener()
    listener.told = order
    ours = reporting(stock(ReplayBuffer), listener, gated=False)
    ours.partitions["train"] = {"u_0_0": {}, "u_1_0": {}, "v_0_0": {}}
    ours.partitions["val"] = {"w_0_0": {}}
    ours._clear_groups("train", {"u", "never_answered"})
    ours._clear_groups("val", {"w"})
    assert order == [
        ("surplus", ["u_0_0", "u_1_0"], ["never_answered"]),
        ("gone", ["never_answered", "u"]),
        ("gone", ["w"]),
    ]


def test_the_reason_of_an_eviction_is_told(gone) -> None:
    listener = Listener()
    ours = reporting(stock(ReplayBufferAsync), listener, gated=False)
    ours.partitions["train"] = {"old_0_0": {}, "same_0_0": {}, "both_0_0": {}}
    ours._evict_terminal_groups(9, "train", ({"old", "both"}, {"same", "both"}, {"broken"}, Counter()))
    assert listener.told == [
        ("failed", [], ["broken"]),
        ("filter", ["same_0_0"], []),
        ("stale", ["both_0_0", "old_0_0"], []),
    ]
    assert gone == [("train", ["both", "broken", "old", "same"])]


@pytest.mark.parametrize("kind", [ReplayBuffer, ReplayBufferAsync])
def test_a_gate_is_asked_once_for_each_finished_group_and_what_it_rejects_is_evicted(kind, gone) -> None:
    listener = Listener(bad={"b"})
    ours = reporting(stock(kind, filter_groups_metric=GATE_METRIC), listener, gated=True)
    ours.partitions["train"] = {"a_0_0": {}, "a_1_0": {}, "b_0_0": {}, "c_0_0": {}}
    ours.finished_keys["train"] = {"a", "b"}
    for _ in range(2):
        reasons = ours._terminal_eviction_reasons(1, "train")
        assert reasons[1] == {"b"} and ours._sampleable_terminal_keys("train", reasons) == {"a"}
    assert [{**asked} for asked in listener.asked if asked] == [{"a": ["a_0_0", "a_1_0"], "b": ["b_0_0"]}]
    ours._evict_terminal_groups(1, "train", reasons)
    assert listener.told == [("gate", ["b_0_0"], [])]
    ours.finished_keys["train"] = {"a", "c"}
    assert ours._terminal_eviction_reasons(1, "train")[1] == set()
    assert [asked for asked in listener.asked if asked][-1] == {"c": ["c_0_0"]}


def test_validation_groups_are_never_gated(gone) -> None:
    listener = Listener(bad={"v"})
    ours = reporting(stock(ReplayBuffer, filter_groups_metric=GATE_METRIC), listener, gated=True)
    ours.partitions["val"] = {"v_0_0": {}}
    ours.finished_keys["val"] = {"v"}
    assert ours._dapo_filtered_keys("val") == (set(), Counter()) and listener.asked == []
