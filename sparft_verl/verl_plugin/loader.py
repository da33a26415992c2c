"""The training data loader: the user's rows, in the curriculum's order, with its state in verl's checkpoint."""

from typing import Any

from torch.utils.data import Dataset
from torchdata.stateful_dataloader import StatefulDataLoader
from verl.utils.dataset.rl_dataset import collate_fn

from sparft_verl.sampler import CurriculumSampler, Served
from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.feedback import ROW, TICKET


class ServedDataset(Dataset):
    """verl's data set, each row labelled with its position and the ticket under which it was proposed."""

    def __init__(self, base: Dataset) -> None:
        self.base = base

    def __len__(self) -> int:
        return len(self.base)  # type: ignore[arg-type]

    def __getitem__(self, served: Served) -> dict[str, Any]:
        row = self.base[int(served)]
        row[ROW] = int(served)
        row[TICKET] = served.ticket
        return row


class CurriculumDataLoader(StatefulDataLoader):
    """A StatefulDataLoader that refuses a checkpoint without a curriculum in it."""

    def __init__(self, dataset: Dataset, sampler: CurriculumSampler, batch_size: int) -> None:
        super().__init__(
            dataset=ServedDataset(dataset),
            batch_size=batch_size,
            num_workers=0,
            drop_last=True,
            collate_fn=collate_fn,
            sampler=sampler,
        )
        self.restored = False

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take verl's saved state; the sampler receives its part when the loader is next iterated."""
        sampler_state = (state_dict.get("_sampler_iter_state") or {}).get("sampler_state")
        if not CurriculumSampler.is_state(sampler_state):
            raise CurriculumError(
                "The checkpoint holds no state of a curriculum: it was written by a run without one. Start anew "
                "(trainer.resume_mode=disable with another trainer.default_local_dir), or resume without the "
                "curriculum override."
            )
        super().load_state_dict(state_dict)
        self.restored = True
