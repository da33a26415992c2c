import numpy as np
import pyarrow as pa
import pytest

from sparft_verl.artefact import ITEMS_COLUMNS, SELECTION_COLUMNS, write_artefact
from sparft_verl.report import main
from sparft_verl.report.errors import ReportError
from sparft_verl.report.gather import gather
from sparft_verl.report.labels import named_by


@pytest.fixture
def artefact(tmp_path):
    values = {
        "sparft_key": ["k0", "k1"],
        "sparft_occurrence": [0, 0],
        "sparft_arm": [0, 1],
        "sparft_difficulty": [0.2, 0.8],
        "sparft_row": [0, 1],
        "sparft_source": ["gcd", "algebra"],
        "sparft_text": ["one", "two"],
        "sparft_difficulty_missing": [False, False],
        "sparft_selected": [True, True],
    }
    write_artefact(
        tmp_path / "artefact",
        selection=pa.table({name: pa.array(values[name], kind) for name, kind in SELECTION_COLUMNS.items()}),
        items=pa.table({name: pa.array(values[name], kind) for name, kind in ITEMS_COLUMNS.items()}),
        embeddings=np.ones((2, 3), dtype=np.float32),
        features=np.ones((2, 2), dtype=np.float32),
        arms=[
            {"name": "c0", "source": "gcd", "source_share": 1.0},
            {"name": "c1", "source": "algebra", "source_share": 0.51},
        ],
        parameters={},
        difficulty_known=True,
    )
    return tmp_path / "artefact"


def test_an_arm_is_named_with_its_commonest_source_and_that_ones_share(run_folder, artefact):
    folder = run_folder(("c0", "c1"))
    folder.step(1, [(0, [1, 0]), (1, [0, 0])])
    assert named_by(gather(folder.journal), artefact).arm_names == ("c0 gcd", "c1 algebra 51 %")
    assert main([str(folder.path), "--artefact", str(artefact)]) == 0
    assert "c1 algebra 51 %, step 1: 50 %" in (folder.path / "report.html").read_text(encoding="utf-8")


def test_the_artefact_of_another_run_is_refused_with_both_counts(run_folder, artefact):
    folder = run_folder(("c0", "c1", "c2"), (1, 1, 1))
    folder.step(1, [(0, [1, 0])])
    with pytest.raises(ReportError, match=r"has 2 arms \(c0, c1, …\), the journal has 3 \(c0, c1, c2, …\)"):
        named_by(gather(folder.journal), artefact)


def test_a_folder_that_is_no_artefact_stops_with_status_2(run_folder, tmp_path, capsys):
    folder = run_folder()
    folder.step(1, [(0, [1, 0])])
    assert main([str(folder.path), "--artefact", str(tmp_path / "absent")]) == 2
    assert "absent" in capsys.readouterr().err
