"""Our replay buffers are verl's, with every argument that verl gave."""

import inspect

import pytest
from omegaconf import OmegaConf

from sparft_verl.verl_plugin.errors import CurriculumError

pytest.importorskip("verl", reason="needs verl")
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer, ReplayBufferAsync

from sparft_verl.verl_plugin.replay import reporting


def stock(kind: type[ReplayBuffer], **more) -> ReplayBuffer:
    return kind(
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
        **more,
    )


@pytest.mark.parametrize("kind", [ReplayBuffer, ReplayBufferAsync])
def test_every_argument_of_verls_buffer_is_kept(kind: type[ReplayBuffer]) -> None:
    given = stock(kind, sync_refill_failed_groups=True)
    ours = reporting(given, lambda keys: None)
    assert isinstance(ours, kind) and type(ours) is not kind
    for name in list(inspect.signature(ReplayBuffer.__init__).parameters)[1:]:
        assert getattr(ours, name) is getattr(given, name), name


def test_a_buffer_of_the_users_own_is_refused() -> None:
    class Custom(ReplayBuffer):
        pass

    with pytest.raises(CurriculumError, match="custom_sampler"):
        reporting(stock(Custom), lambda keys: None)


def test_cleared_training_groups_are_reported_before_verl_deletes_them(monkeypatch) -> None:
    order: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(
        ReplayBuffer, "_clear_groups", lambda self, partition, uids: order.append(("gone", sorted(uids)))
    )
    ours = reporting(stock(ReplayBuffer), lambda keys: order.append(("told", keys)))
    ours.partitions["train"] = {"u_0_0": {}, "u_1_0": {}, "v_0_0": {}}
    ours.partitions["val"] = {"w_0_0": {}}
    ours._clear_groups("train", {"u"})
    ours._clear_groups("val", {"w"})
    assert order == [("told", ["u_0_0", "u_1_0"]), ("gone", ["u"]), ("gone", ["w"])]
