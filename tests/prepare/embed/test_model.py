"""Where a model lies and what identifies it: hub cache, folder, module; no silent fallback."""

import importlib.metadata
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from sparft_verl.prepare.embed_config import EmbedConfig
from sparft_verl.prepare.embed_model import identify, locate, require_same, weights_sha256
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.sentence import SentenceModel

pytest.importorskip("sentence_transformers", reason="an extra, not installed here")
COMMIT = "c0ffee" * 6 + "beef"


def test_a_hub_model_is_found_in_the_local_cache_and_pinned(offline_hub: str, tiny_model: str) -> None:
    by_name = identify(EmbedConfig(model=offline_hub))
    by_folder = identify(EmbedConfig(model=tiny_model))
    assert by_name["commit"] == COMMIT and by_folder["commit"] is None
    assert by_name["weights_sha256"] == by_folder["weights_sha256"] == weights_sha256(Path(tiny_model))
    assert json.loads(json.dumps(by_name)) == by_name
    assert identify(EmbedConfig(model=offline_hub, revision=COMMIT))["commit"] == COMMIT
    vectors, _ = SentenceModel(EmbedConfig(model=offline_hub), 1)(["who lies"])
    assert vectors.shape == (1, 32)


def test_a_model_that_cannot_be_had_is_an_error_with_the_fixes(
    offline_hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(PrepareError, match=r"'no-one/no-model' is none of these.*FOLDER.*module:.*lexical"):
        identify(EmbedConfig(model="no-one/no-model"))
    with pytest.raises(PrepareError, match="is none of these"):
        identify(EmbedConfig(model=offline_hub, revision="another"))


@pytest.mark.parametrize(
    ("engine", "extra"), [("sentence_transformers", r"\[cpu\] or \[gpu\]"), ("vllm", r"\[gpu\]")]
)
def test_without_the_package_the_extra_is_named(
    engine: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    with pytest.raises(PrepareError, match=rf"install sparft-verl{extra}, or choose embed.engine=lexical"):
        identify(EmbedConfig(engine=engine))


@pytest.mark.parametrize("name", ["no_such_package", "json"])
def test_a_module_without_a_model_is_an_error(name: str) -> None:
    with pytest.raises(PrepareError, match=r"needs an installed package with get_model_path\(\)"):
        identify(EmbedConfig(model=f"module:{name}"))


def test_a_gpu_asked_for_and_absent_is_an_error(tiny_model: str) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(PrepareError, match=r"embed\.device=cuda needs a GPU that torch sees"):
        identify(EmbedConfig(model=tiny_model, device="cuda"))


def test_weights_are_pinned_by_their_checksum(tiny_model: str) -> None:
    true = str(weights_sha256(Path(tiny_model)))
    assert locate(EmbedConfig(model=tiny_model, weights_sha256=true)).weights_sha256 == true
    with pytest.raises(PrepareError, match=r"must have sha256 0000, but found [0-9a-f]{64}"):
        identify(EmbedConfig(model=tiny_model, weights_sha256="0000"))


def test_a_changed_tokenizer_or_pooling_is_another_model(tiny_model: str, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_model, tmp_path / "copy"))
    before = locate(EmbedConfig(model=str(copy)))
    assert before.settings_sha256 == locate(EmbedConfig(model=tiny_model)).settings_sha256
    settings = next(copy.rglob("*ooling/config.json"))
    settings.write_text(settings.read_text() + " ")
    after = locate(EmbedConfig(model=str(copy)))
    assert after.settings_sha256 != before.settings_sha256 and after.weights_sha256 == before.weights_sha256


def test_a_folder_without_a_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PrepareError, match="must be a model that sentence-transformers can load"):
        SentenceModel(EmbedConfig(model=str(tmp_path)), 1)


def test_weights_in_several_files_have_one_checksum(tmp_path: Path) -> None:
    assert weights_sha256(tmp_path) is None
    (tmp_path / "model-1.safetensors").write_bytes(b"a")
    one = weights_sha256(tmp_path)
    (tmp_path / "model-2.safetensors").write_bytes(b"b")
    assert one == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    assert weights_sha256(tmp_path) not in (None, one)


@pytest.mark.parametrize("key", ["weights_sha256", "versions", "hardware"])
def test_workers_that_differ_are_refused(tiny_model: str, key: str) -> None:
    here: dict[str, Any] = identify(EmbedConfig(model=tiny_model))
    require_same(here, dict(here))
    with pytest.raises(
        PrepareError, match=f"all workers must embed with the same {key}, but found 'other' on one"
    ):
        require_same(here, {**here, key: "other"})
