"""A finished batch of verl's older trainers, into feedback for a curriculum."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sparft_verl.curricula import Groups
from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.feedback import ROW, TICKET, Rollout, group
from sparft_verl.verl_plugin.success import SuccessRule, to_success

TENSORS = ("token_level_scores", "advantages", "response_mask")
COLUMNS = ("uid", "data_source", "extra_info")


def read_batch(batch: Any, rules: Mapping[str, SuccessRule]) -> Groups:
    """Return the prompt groups of `batch`, the DataProto that the trainer hands out after a step.

    Scores are those without KL. Raises CurriculumError when the batch lacks what a curriculum reads.
    """
    missing = [name for name in TENSORS if name not in batch.batch.keys()]  # noqa: SIM118 - a TensorDict
    missing += [name for name in COLUMNS if name not in batch.non_tensor_batch]
    if missing:
        raise CurriculumError(
            f"A batch of this verl has no {', '.join(missing)} (it has {sorted(batch.batch.keys())} and "
            f"{sorted(batch.non_tensor_batch)}); the curriculum cannot learn from it. Use a supported verl."
        )
    scores = batch.batch["token_level_scores"].sum(-1).tolist()
    mask = batch.batch["response_mask"].to(batch.batch["advantages"].dtype)
    lengths = mask.sum(-1).clamp(min=1.0)
    advantages = ((batch.batch["advantages"] * mask).sum(-1) / lengths).tolist()
    uids, sources, infos = (batch.non_tensor_batch[name].tolist() for name in COLUMNS)
    verdicts = _verdicts(batch, len(uids))
    seen: Counter[str] = Counter()
    rollouts = []
    for index, uid in enumerate(uids):
        info = infos[index]
        if not isinstance(info, dict) or ROW not in info or TICKET not in info:
            raise CurriculumError(
                f"Row {index} of a finished batch does not say in extra_info which prompt it was ({info!r}): this "
                "trainer changed data.custom_cls or extra_info between serving and training. Use a supported verl."
            )
        rollouts.append(
            Rollout(
                key=f"{uid}_{seen[uid]}_0",
                ticket=int(info[TICKET]),
                row=int(info[ROW]),
                success=to_success(scores[index], verdicts[index], str(sources[index]), rules),
                advantage=advantages[index],
            )
        )
        seen[uid] += 1
    return group(rollouts, "trained")


def _verdicts(batch: Any, size: int) -> list[float | None]:
    """Return the reward function's own `acc` of each rollout; None where it is but the score under another name."""
    keys = batch.meta_info.get("reward_extra_keys", [])
    if "acc" not in keys or "score" not in keys:
        return [None] * size
    return [None if acc is None else float(acc) for acc in batch.non_tensor_batch["acc"].tolist()]
