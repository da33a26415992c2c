"""Runs verl's older trainer: its own configuration, data sets, sampler and `fit()`. Only its GPU workers are stand-ins.

`python loop.py plan.json` imports the verl that is first on sys.path once, and forks a process for each run of the
plan, one after another; a run may be killed at a named point. Nothing here touches Ray.
"""

import copy
import json
import os
import pickle
import signal
import sys
import zlib
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import hydra
import torch
import verl.trainer
from omegaconf import OmegaConf
from verl.experimental.agent_loop.agent_loop import (
    AgentLoopMetrics,
    AgentLoopWorker,
    _InternalAgentLoopOutput,
)
from verl.protocol import DataProto
from verl.trainer.ppo.ray_trainer import RayPPOTrainer, ResourcePoolManager, Role
from verl.utils import attention_utils, hf_tokenizer
from verl.utils import tensordict_utils as tu
from verl.utils.dataset.rl_dataset import collate_fn

from sparft_verl.journal import JOURNAL

try:
    from verl.trainer.ppo.utils import create_rl_dataset, create_rl_sampler
except ImportError:  # before 0.9
    from verl.trainer.main_ppo import create_rl_dataset, create_rl_sampler

if find_spec("flash_attn") is None and not hasattr(attention_utils, "_fallback_unpad_input"):
    # Before 0.9.1 verl removes padding by flash-attn alone, whose wheels are for CUDA only; verl's own functions
    # for NPU are plain torch and do the same. They need einops.
    from verl.utils import npu_flash_attn_utils

    sys.modules["flash_attn"] = ModuleType("flash_attn")
    sys.modules["flash_attn.bert_padding"] = npu_flash_attn_utils

PROMPT, RESPONSE = 8, 6  # tokens of a padded prompt and a padded response
CONFIG = Path(next(iter(verl.trainer.__path__))) / "config"


class Events:
    """What the trainer asked its workers for, in order, and the point at which the run is to be killed."""

    def __init__(self, folder: Path, kill: dict | None) -> None:
        self.folder = folder
        self.kill = kill
        self.file = (folder / "events.jsonl").open("a")

    def __call__(self, event: str, step: int, **more) -> None:
        journal = self.folder / JOURNAL
        seen = [json.loads(line)["event"] for line in journal.open()] if journal.exists() else []
        self.file.write(json.dumps({"event": event, "step": step, "journal": seen, **more}) + "\n")
        self.file.flush()
        if self.kill == {"at": event, "step": step}:
            os.kill(os.getpid(), signal.SIGKILL)


class Workers:
    """The worker group of actor and rollout: no model, the tensors that the loop reads."""

    world_size = 1

    def __init__(self, events: Events) -> None:
        self.events = events
        self._dispatch_info: dict[str, list[int]] = {}

    def _query_dispatch_info(self, role: str) -> list[int]:
        return [0]

    def compute_log_prob(self, batch):
        if isinstance(batch, DataProto):
            zeros = torch.zeros_like(batch.batch["responses"], dtype=torch.float32)
            return DataProto.from_dict(tensors={"old_log_probs": zeros, "entropys": zeros.clone()})
        ids = batch["input_ids"]
        zeros = torch.nested.nested_tensor_from_jagged(torch.zeros(len(ids.values())), offsets=ids.offsets())
        return tu.get_tensordict(
            {"log_probs": zeros, "entropy": zeros.clone()}, non_tensor_dict={"metrics": {"mfu": 0.0}}
        )

    def update_actor(self, batch):
        if isinstance(batch, DataProto):
            return DataProto(meta_info={"metrics": {"actor/pg_loss": [0.0]}})
        return tu.get_tensordict({}, non_tensor_dict={"metrics": {"mfu": 0.0, "pg_loss": [0.0]}})

    def save_checkpoint(self, path, remote, step, max_ckpt_to_keep=None) -> None:
        self.events("save", step)
        Path(path).mkdir(parents=True)
        Path(path, "step").write_text(str(step))

    def load_checkpoint(self, path, del_local_after_load=False) -> None:
        self.events("load", int(Path(path, "step").read_text()))


class Synchroniser:
    """Moves no weights; called after the checkpoint is written and before the step's feedback is handed out."""

    def __init__(self, events: Events) -> None:
        self.events = events

    def update_weights(self, step: int) -> None:
        self.events("sync", step)

    def sleep_replicas(self) -> None:
        pass


class Rollouts:
    """Answers of random length, solved by a rule of prompt, step and rollout alone; packed by verl's own worker."""

    def __init__(self, events: Events, plain_scores: bool) -> None:
        self.events = events
        self.plain_scores = plain_scores

    def generate_sequences(self, prompts):
        step = prompts.meta_info["global_steps"]
        texts = [messages[-1]["content"] for messages in prompts.non_tensor_batch["raw_prompt"]]
        validating = prompts.meta_info.get("validate", False)
        self.events("validate" if validating else "generate", step, prompts=texts)
        outputs = [self._answer(text, step, index) for index, text in enumerate(texts)]
        worker = SimpleNamespace(reward_loop_worker_handles=["another process"])
        batch = AgentLoopWorker._postprocess(worker, outputs)
        batch.meta_info.pop("metrics")
        batch.meta_info["timing"] = {"agent_loop/slowest": 0.1}
        return batch

    def _answer(self, text: str, step: int, index: int):
        draw = zlib.crc32(f"{text}|{step}|{index}".encode())
        score, length = float(draw % 10 < zlib.crc32(text.encode()) % 10), 1 + draw % RESPONSE
        answer = (torch.arange(RESPONSE) < length).long()[None]
        mask = torch.cat([torch.ones(1, PROMPT, dtype=torch.int64), answer], dim=1)
        info = {"acc": score} if self.plain_scores else {"score": score, "acc": bool(score)}
        return _InternalAgentLoopOutput(
            prompt_ids=torch.ones(1, PROMPT, dtype=torch.int64),
            response_ids=answer,
            input_ids=mask.clone(),
            position_ids=mask.cumsum(1) - 1,
            response_mask=answer,
            attention_mask=mask,
            multi_modal_inputs={},
            reward_score=score,
            num_turns=2,
            metrics=AgentLoopMetrics(),
            extra_fields={"reward_extra_info": info},
        )


def train(config, run: dict) -> None:
    """What verl's TaskRunner does, but for starting workers."""
    folder = Path(run["folder"])
    config = pickle.loads(pickle.dumps(config))  # as on its way through Ray
    OmegaConf.resolve(config)
    tokenizer = hf_tokenizer(config.actor_rollout_ref.model.path)
    data = config.data
    train_set = create_rl_dataset(data.train_files, data, tokenizer, None, is_train=True, max_samples=-1)
    val_set = create_rl_dataset(data.val_files, data, tokenizer, None, is_train=False, max_samples=-1)
    trainer = RayPPOTrainer(
        config=config,
        tokenizer=tokenizer,
        role_worker_mapping={Role.ActorRollout: object},
        resource_pool_manager=ResourcePoolManager({"global_pool": [1]}, {Role.ActorRollout: "global_pool"}),
        train_dataset=train_set,
        val_dataset=val_set,
        collate_fn=collate_fn,
        train_sampler=create_rl_sampler(config.data, train_set),
    )
    events = Events(folder, run.get("kill"))
    trainer.actor_rollout_wg = Workers(events)
    trainer.checkpoint_manager = Synchroniser(events)
    trainer.async_rollout_manager = Rollouts(events, run.get("plain_scores", False))
    trainer.fit()


def child(run: dict) -> None:
    folder = Path(run["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    os.environ.update(run.get("environment", {}))
    log = os.open("log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.argv = ["main_ppo", *run["overrides"]]

    @hydra.main(config_path=str(CONFIG), config_name="ppo_trainer", version_base=None)
    def main(config):
        train(copy.deepcopy(config), run)

    main()


def main() -> None:
    plan = json.loads(Path(sys.argv[1]).read_text())
    for run in plan["runs"]:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                child(run)
                status = 0
            except SystemExit as error:
                print(error, file=sys.stderr)
                status = 1 if isinstance(error.code, str) else int(error.code or 0)
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        _, status = os.waitpid(pid, 0)
        run["status"] = os.waitstatus_to_exitcode(status)
    Path(sys.argv[1]).write_text(json.dumps(plan))


if __name__ == "__main__":
    main()
