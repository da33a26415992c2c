"""Random small tables through the whole of stage A: an artefact that holds together, or an error that says why."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparft_verl.identity import row_hash
from sparft_verl.prepare import PrepareError, from_dotlist, run

TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=30) | st.sampled_from(
    ["", " ", "two words", "Two  Words", "1 + 1 = ?", "the sum of 3 and 4", "a\x00b", "\ufeff", "é" * 20]
)
ROW = st.fixed_dictionaries(
    {
        "data_source": st.sampled_from(["a", "b", "c/d"]),
        "text": TEXT,
        "system": st.booleans(),
        "truth": st.sampled_from(["1", "2", None]),
        "level": st.none() | st.floats(-5, 5) | st.just(float("nan")) | st.integers(0, 3).map(float),
    }
)


def table(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    head = [{"role": "system", "content": "be brief"}]
    return [
        {
            "data_source": row["data_source"],
            "prompt": [*(head if row["system"] else []), {"role": "user", "content": row["text"]}],
            "reward_model": {"style": "rule", "ground_truth": row["truth"]},
            "extra_info": {"index": i, "level": row["level"]},
        }
        for i, row in enumerate(rows)
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(
    rows=st.lists(ROW, min_size=1, max_size=24),
    k=st.integers(1, 6),
    budget=st.integers(1, 30),
    clean=st.sampled_from([[], ["clean.near=true"], ["clean.exact=false", "clean.empty=false"]]),
    known=st.sampled_from([[], ["difficulty.column=extra_info.level"]]),
    by=st.sampled_from([[], ["cluster.column=data_source"]]),
    vectors=st.none() | st.integers(0, 2**32),
)
def test_any_table_gives_a_whole_artefact_or_a_reason(
    rows: list[dict[str, Any]],
    k: int,
    budget: int,
    clean: list[str],
    known: list[str],
    by: list[str],
    vectors: int | None,
) -> None:
    given_rows = table(rows)
    with tempfile.TemporaryDirectory() as folder:
        schema = pa.schema(
            [
                ("data_source", pa.string()),
                ("prompt", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
                ("reward_model", pa.struct([("style", pa.string()), ("ground_truth", pa.string())])),
                ("extra_info", pa.struct([("index", pa.int64()), ("level", pa.float64())])),
            ]
        )
        pq.write_table(pa.Table.from_pylist(given_rows, schema), f"{folder}/t.parquet")
        words = [f"data.train_files={folder}/t.parquet", f"out={folder}/art", "cache=null", "threads=1"]
        words += [f"cluster.k={k}", f"select.budget={budget}", *clean, *known, *by]
        if vectors is None:
            words += ["embed.engine=lexical", "embed.lexical_dim=4", "report=false"]
        else:
            drawn = np.random.Generator(np.random.Philox(key=vectors)).normal(size=(len(rows), 3))
            np.save(f"{folder}/v.npy", np.round(drawn, vectors % 3).astype(np.float32))
            words += ["embed.engine=npy", f"embed.file={folder}/v.npy", "cluster.engine=sklearn"]
        try:
            artefact = run(from_dotlist(words))
        except PrepareError as e:
            assert ", but " in str(e) and not Path(f"{folder}/art").exists()
            return
        items, removed = artefact.items, artefact.removed
        placed = items["sparft_row"].to_pylist() + removed["sparft_row"].to_pylist()
        assert sorted(placed) == list(range(len(rows))), "every row is in one of the two"
        assert items["sparft_key"].to_pylist() == [
            row_hash(given_rows[i]) for i in items["sparft_row"].to_pylist()
        ]
        label = items["sparft_arm"].to_numpy()
        sizes = [arm["size"] for arm in artefact.manifest["arms"]]
        assert np.bincount(label, minlength=len(sizes)).tolist() == sizes and min(sizes) >= 1
        picked = artefact.selection["sparft_row"].to_pylist()
        assert len(set(picked)) == len(picked) == min(budget, len(items))
        assert set(artefact.arm.tolist()) == set(range(len(sizes))), "every arm is served"
        level = items["sparft_difficulty"].to_numpy()
        assert ((level >= 0) & (level <= 1)).all()
        assert len(artefact.embeddings) == len(artefact.features) == len(items)
        assert np.isfinite(artefact.features).all()
        stored = pq.read_table(f"{folder}/art/selection.parquet").to_pylist()
        for row in stored:
            assert row["prompt"] == given_rows[row["sparft_row"]]["prompt"], "verl's own rows, unchanged"
