"""What the gate has judged is not read from the transfer queue again when verl throws it away."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tensordict import NonTensorData, NonTensorStack, TensorDict

pytest.importorskip("verl", reason="needs verl")
from sparft_verl.curricula import Arms, CurriculumConfig, build
from sparft_verl.journal import JournalWriter, read
from sparft_verl.sampler import CurriculumSampler
from sparft_verl.verl_plugin import trainer
from sparft_verl.verl_plugin.feedback import ROW, TICKET

WINS = {"a": (0.0, 1.0), "b": (1.0, 1.0), "c": (0.0, 0.0), "d": (1.0, 0.0)}


@pytest.fixture
def gated(tmp_path, monkeypatch):
    """A trainer of which only the curriculum's part is there, over a queue that writes down what is asked of it."""
    arms = Arms(
        rows=np.arange(8), arm=np.zeros(8, np.int32), names=("all",), difficulty=np.full(8, np.nan),
        source=("s",) * 8, fingerprint="f",
    )  # fmt: skip
    config = CurriculumConfig.of(method="uniform", gate="dapo")
    sampler = CurriculumSampler(build(config, arms), 4, 8, JournalWriter(tmp_path / "journal.jsonl"))
    served = dict(zip(WINS, [row for row, _ in zip(sampler, range(4), strict=False)], strict=True))
    asked: list[list[str]] = []

    def kv_batch_get(keys, partition_id, select_fields):
        asked.append(sorted(keys))
        uids = [key.split("_")[0] for key in keys]
        columns = {
            ROW: [int(served[uid]) for uid in uids],
            TICKET: [served[uid].ticket for uid in uids],
            "data_source": ["s"] * len(keys),
            "extra_fields": [{}] * len(keys),
        }
        data = {name: NonTensorStack(*map(NonTensorData, column)) for name, column in columns.items()}
        scores = [torch.tensor([WINS[key[0]][int(key.split("_")[1])]]) for key in keys if "_" in key]
        if scores:
            data["rm_scores"] = torch.nested.nested_tensor(scores, layout=torch.jagged)
        return TensorDict({name: data[name] for name in select_fields}, batch_size=[len(keys)])

    monkeypatch.setattr(trainer.tq, "kv_batch_get", kv_batch_get)
    one = object.__new__(trainer.CurriculumTrainerColocateAsync)
    one.curriculum_sampler, one._thrown_away, one._judged = sampler, Counter(), {}
    one.settings = SimpleNamespace(success={})
    one.reward_loop_manager = SimpleNamespace(reward_loop_worker_handles=["worker"])
    return one, asked, served, tmp_path / "journal.jsonl"


def tags(*uids: str) -> dict[str, dict]:
    return {f"{uid}_{session}_0": {} for uid in uids for session in (1, 0)}


def test_a_rejected_group_is_read_once_and_others_when_they_go(gated) -> None:
    one, asked, served, path = gated
    assert one.rejected({uid: tags(uid) for uid in WINS}) == {"b", "c"}
    assert asked == [sorted(tags(*WINS))]
    one.on_discard("gate", tags("b", "c"), set())
    assert len(asked) == 1, "nothing was asked for again"
    one.on_discard("stale", tags("a"), {"d"})
    assert asked[1:] == [sorted(tags("a")), ["d"]]
    groups = [
        (record["reason"], group["row"], group["successes"], group["kind"])
        for record in read(path).live("observe")
        for group in record.groups()
    ]
    assert sorted(groups) == sorted(
        (why, int(served[uid]), list(WINS[uid]), "discarded")
        for why, uid in (("gate", "b"), ("gate", "c"), ("stale", "a"))
    )
    assert [record["row"] for record in read(path).live("cancel")] == [int(served["d"])]
    assert one._thrown_away == {"gate": 2, "stale": 2} and one._judged == {}
