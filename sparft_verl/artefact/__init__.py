"""The curriculum artefact: the folder in which `prepare` and `curricula` meet.

    manifest.json       what was done: schema version, parameters, versions, inputs, counts, arm table, sha256 of
                        every data file, ledger
    selection.parquet   the selected rows in verl's own format, plus sparft_* columns
    items.parquet       every row that cleaning left: input row, key, arm, difficulty, whether it was selected
    removed.parquet     every row that cleaning took away, with its reason; may be empty
    embeddings.npy      float32 [N, d], as the embedder gave them; or embeddings.safetensors
    features.npy        float32 [N, p+1], what was clustered

N is the number of rows in items.parquet, and row i of all N-row files is the same prompt. Rows are identified by
content (prompt messages, data source, ground truth), never by position or index, so that a data set that was cut,
shuffled, filtered or written anew can still be joined with the artefact.

Equal input, settings and engines on one machine give the same bytes in every data file. Of the manifest, `ledger`
(seconds, what came from the cache) differs from run to run, and nothing else does.
"""

from sparft_verl.artefact.reading import Artefact, is_artefact, read_artefact
from sparft_verl.artefact.schema import (
    DATA_FILES,
    ITEMS_COLUMNS,
    MANIFEST,
    REFERENCE_COLUMNS,
    REMOVED_COLUMNS,
    ROLLOUT_COLUMNS,
    SCHEMA_VERSION,
    SELECTION_COLUMNS,
    TEXT_HEAD,
    sha256_file,
)
from sparft_verl.artefact.writing import check_replaceable, write_artefact
from sparft_verl.identity import ArtefactError, content_hash, join, occurrences, row_hash

__all__ = [
    "DATA_FILES",
    "ITEMS_COLUMNS",
    "MANIFEST",
    "REFERENCE_COLUMNS",
    "REMOVED_COLUMNS",
    "ROLLOUT_COLUMNS",
    "SCHEMA_VERSION",
    "SELECTION_COLUMNS",
    "TEXT_HEAD",
    "Artefact",
    "ArtefactError",
    "check_replaceable",
    "content_hash",
    "is_artefact",
    "join",
    "occurrences",
    "read_artefact",
    "row_hash",
    "sha256_file",
    "write_artefact",
]
