"""verl's agent loop in the trainer's own process.

verl gives the agent loop, the reward and the load balancer a Ray actor each. On two cores the imports of each
cost seconds at start, and the calls between them most of a step. verl lets a user bring an agent loop manager
(`rollout.agent.agent_loop_manager_class`); this one runs verl's own worker and reward code on a thread.
"""

import asyncio
import copy
import threading
from typing import Any

import ray
from tensordict import TensorDict
from verl.experimental.agent_loop.agent_loop import DictConfigWrap, register
from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop
from verl.experimental.reward_loop.reward_loop import RewardLoopWorker
from verl.protocol import DataProto
from verl.trainer.ppo.v1.agent_loop_tq import AgentLoopWorkerTQ

from sparft_verl.verl_plugin.cpu import AGENT_LOOP
from sparft_verl.verl_plugin.cpu.client import direct
from sparft_verl.verl_plugin.cpu.collect import Collector
from sparft_verl.verl_plugin.cpu.rollout import hybrid_ranks, server_name
from sparft_verl.verl_plugin.cpu.rows import Row, put_rows, trajectory_row

PUT_SECONDS = 0.005
"""How long the first of several finished trajectories waits for the others before they are written."""


class _Inline:
    """In place of an executor: a hand-over to another thread costs more than what is handed over here."""

    async def run_in_executor(self, _: Any, call: Any, *args: Any) -> Any:
        return call(*args)


@register(AGENT_LOOP)
class CpuSingleTurnAgentLoop(SingleTurnAgentLoop):
    """verl's single-turn loop; one instance serves all trajectories, because it keeps nothing of any."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.loop = _Inline()


class _LocalReward:
    """Stands for the handle of a reward actor, around verl's reward worker in this process."""

    def __init__(self, config: Any) -> None:
        self._worker = RewardLoopWorker(config)

    @property
    def compute_score(self) -> "_LocalReward":
        """Spelled as on the actor handle: `worker.compute_score.remote(data)`."""
        return self

    def remote(self, data: DataProto) -> Any:
        """Return an awaitable of the reward; like an actor it works on a copy, for reward managers write into it."""
        own = DataProto(batch=data.batch, non_tensor_batch=copy.deepcopy(data.non_tensor_batch))
        return self._worker.compute_score(own)


class _Worker(AgentLoopWorkerTQ.__ray_actor_class__):
    """verl's worker; the set-up it repeats for every trajectory is done once, its writes are sent together."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._single_turn: CpuSingleTurnAgentLoop | None = None
        self._rows: Collector[Row, None] = Collector(put_rows, PUT_SECONDS)

    async def _run_agent_loop(
        self, sampling_params: Any, trajectory: Any, *, agent_name: str, trace: bool = True, **kwargs: Any
    ) -> Any:
        if agent_name != AGENT_LOOP or trace:
            return await super()._run_agent_loop(
                sampling_params, trajectory, agent_name=agent_name, trace=trace, **kwargs
            )
        if self._single_turn is None:
            self._single_turn = CpuSingleTurnAgentLoop(
                trainer_config=DictConfigWrap(config=self.config),
                server_manager=self.llm_client,
                tokenizer=self.tokenizer,
                processor=self.processor,
                dataset_cls=self.dataset_cls,
                data_config=DictConfigWrap(self.config.data),
                hf_model_type=self.hf_model_type,
            )
        output = await self._single_turn.run(sampling_params, **kwargs)
        return await self._agent_loop_postprocess(output, trajectory["validate"], **kwargs)

    async def _agent_loop_postprocess(self, output: Any, validate: bool, **kwargs: Any) -> None:
        if isinstance(output, list) or self.distillation_enabled:
            return await super()._agent_loop_postprocess(output, validate, **kwargs)
        await self._compute_score([output], kwargs=kwargs)
        await self._rows.add(trajectory_row(output, "val" if validate else "train", kwargs))


class CpuAgentLoopManager:
    """What verl's trainer asks of an agent loop manager: `create` and `generate_sequences`."""

    def __init__(self, config: Any, llm_client: Any, teacher_client: Any, reward_handles: Any) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="agent-loop", daemon=True).start()
        self._worker: _Worker = self._run(self._build(config, llm_client, teacher_client, reward_handles))

    @classmethod
    def create(
        cls, config: Any, llm_client: Any, teacher_client: Any = None, reward_loop_worker_handles: Any = None
    ) -> "CpuAgentLoopManager":
        """Return a manager that is ready; the signature is verl's."""
        return cls(config, llm_client, teacher_client, reward_loop_worker_handles)

    def generate_sequences(self, prompts: TensorDict) -> None:
        """Start answering `prompts`; the answers appear in the transfer queue, none is waited for."""
        self._run(self._worker.generate_sequences(prompts))

    async def _build(self, config: Any, llm_client: Any, teacher_client: Any, reward_handles: Any) -> _Worker:
        # On the loop's thread, because verl's objects remember the loop they were made on.
        if reward_handles == []:  # reward.num_workers=0; None means that rewards are computed elsewhere
            reward_handles = [_LocalReward(config)]
        servers = [ray.get_actor(server_name(rank)) for rank in hybrid_ranks(config)]
        client = direct(llm_client, servers) if servers else llm_client
        return _Worker(config, client, teacher_client, reward_handles)

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
