"""verl's data set under a curriculum: its rows, labelled with the ticket under which they were served.

`data.custom_cls` names a class of this module. Over a data set class of the user's own it is asked for as
`LabelledRows::PATH::CLASS` or `ServedRows::PATH::CLASS`, and made on demand.
"""

from functools import lru_cache
from typing import Any

from torch.utils.data import get_worker_info
from verl.utils.dataset.rl_dataset import RLHFDataset
from verl.utils.import_utils import load_extern_object

from sparft_verl.sampler import Served
from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.feedback import ROW, TICKET
from sparft_verl.verl_plugin.older.session import Session

CHANGES_ITSELF = ("on_batch_end", "__getitems__", "state_dict")
"""What a data set has that chooses or changes its own rows during training."""


class _Labelled:
    """Rows that carry their position and ticket through the trainer, where it leaves them alone: in extra_info."""

    def __getitem__(self, item: Any) -> dict[str, Any]:
        if not isinstance(item, Served):
            return super().__getitem__(item)  # type: ignore[misc]
        row: dict[str, Any] = super().__getitem__(int(item))  # type: ignore[misc]
        row["extra_info"] = {**(row.get("extra_info") or {}), ROW: int(item), TICKET: item.ticket}
        return row


class _Served(_Labelled):
    """Rows of the curriculum's choice, whichever positions the trainer's own sampler asks for.

    For verl 0.8 and the legacy trainer of 0.9, which hand each finished batch to `on_batch_end`.
    """

    def __init__(self, data_files: Any, *args: Any, config: Any, **kwargs: Any) -> None:
        training, validating = data_files is config.train_files, data_files is config.val_files
        if training == validating:
            raise CurriculumError(
                "This verl makes its data sets from neither data.train_files nor data.val_files as they stand in "
                f"the configuration (got {data_files}), so that the two cannot be told apart. Use a supported verl."
            )
        super().__init__(data_files, *args, config=config, **kwargs)  # type: ignore[call-arg]
        self._session = Session(config, self) if training else None

    def __getitems__(self, positions: list[int]) -> list[dict[str, Any]]:
        """Return as many rows as `positions`: in training those that the curriculum chooses."""
        if self._session is None:
            return [self[position] for position in positions]
        if get_worker_info() is not None:
            raise CurriculumError("A curriculum needs data.dataloader_num_workers=0.")
        return [self[served] for served in self._session.serve(len(positions))]

    def on_batch_end(self, batch: Any) -> None:
        """Take the feedback of the batch that the trainer has just finished; verl calls this once a step."""
        assert self._session is not None, "only the training data set is handed batches"
        self._session.finish(batch)

    def state_dict(self) -> dict[str, int]:
        """Save the curriculum beside verl's checkpoint, which asks for this while it is written."""
        return {} if self._session is None else self._session.save()

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Compare with verl's checkpoint; the curriculum itself was resumed when it was made."""
        if self._session is not None:
            self._session.check_resumed(state)


class LabelledRows(_Labelled, RLHFDataset):
    """verl's own data set, for verl 0.7.1, whose sampler chooses."""


class ServedRows(_Served, RLHFDataset):
    """verl's own data set, where it chooses."""


def __getattr__(name: str) -> Any:
    kind, separator, base = name.partition("::")
    if not separator or kind not in ("LabelledRows", "ServedRows"):
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return _over(_Labelled if kind == "LabelledRows" else _Served, *base.rsplit("::", 1))


@lru_cache
def _over(kind: type, path: str, name: str) -> type:
    base = load_extern_object(path, name)
    own = [method for method in CHANGES_ITSELF if hasattr(base, method)]
    if own:
        raise CurriculumError(
            f"A curriculum cannot choose rows of data.custom_cls={name}, whose own {', '.join(own)} does so. "
            "Remove one of the two."
        )
    return type(f"{kind.__name__.lstrip('_')}Of{name}", (kind, base), {})
