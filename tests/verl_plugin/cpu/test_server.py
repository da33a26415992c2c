"""The server's calls, on an event loop of the test instead of a Ray actor's."""

import asyncio
import pickle
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from sparft_verl.verl_plugin.cpu.server import CpuServer, Reply, ServerSpec

from .conftest import EOS, VOCABULARY, build_model

FREE = {
    "temperature": 1.0,
    "top_p": 1.0,
    "top_k": -1,
    "repetition_penalty": 1.0,
    "logprobs": True,
    "ignore_eos": True,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model and its tokenizer on disk."""
    path = tmp_path_factory.mktemp("model")
    model = build_model()
    model.save_pretrained(path)
    words = {f"w{token}": token for token in range(VOCABULARY - 1)}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(words, unk_token="w2")), eos_token=f"w{EOS}", pad_token="w0"
    )
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture
def server(folder: Path) -> CpuServer:
    return CpuServer(spec(folder))


def spec(folder: Path, **changes: Any) -> ServerSpec:
    settings = {
        "hf_config": build_model().config,
        "model_path": str(folder),
        "tokenizer_path": str(folder),
        "trust_remote_code": False,
        "read_weights": True,
        "dtype": "float32",
        "seed": 7,
        "prompt_length": 20,
        "response_length": 10,
        "max_model_len": 40,
        "ignore_eos": False,
        "max_num_seqs": 64,
        "max_num_batched_tokens": 512,
    }
    return ServerSpec(**(settings | changes))


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, timeout=60))


def test_concurrent_requests_are_answered_each_with_its_own_length(server: CpuServer) -> None:
    async def ask() -> list[Reply]:
        calls = [server.generate([3, 4, i], FREE | {"max_tokens": i}, str(i)) for i in range(1, 6)]
        return await asyncio.gather(*calls)

    for i, reply in enumerate(run(ask()), start=1):
        assert len(reply.fields["token_ids"]) == len(reply.fields["log_probs"]) == i
        assert reply.fields["stop_reason"] == "completed"


def test_a_reply_arrives_as_verls_token_output(server: CpuServer) -> None:
    from verl.workers.rollout.replica import TokenOutput

    run(server.load_weights(build_model().state_dict(), 3))
    sent = run(server.generate([3, 4], FREE | {"logprobs": False}, "a"))
    got = pickle.loads(pickle.dumps(sent))
    assert isinstance(got, TokenOutput)
    assert len(got.token_ids) == 10, "the run's longest answer, when the request names none"
    assert got.log_probs is None
    assert got.extra_fields == {"global_steps": 3, "min_global_steps": 3, "max_global_steps": 3}


@pytest.mark.parametrize(("prompt_tokens", "expected"), [(5, 10), (25, 5), (38, 1)])
def test_the_default_length_is_verls_and_fits_the_context(
    server: CpuServer, prompt_tokens: int, expected: int
) -> None:
    reply = run(server.generate([3] * prompt_tokens, FREE, "a"))
    assert len(reply.fields["token_ids"]) == expected


def test_what_does_not_fit_or_is_no_text_is_refused_and_the_server_goes_on(server: CpuServer) -> None:
    async def ask() -> Reply:
        with pytest.raises(ValueError, match=r"40 tokens.*context 40.*max_prompt_length"):
            await server.generate([3] * 40, FREE, "a")
        with pytest.raises(ValueError, match="text only"):
            await server.generate([3], FREE, "b", image_data=["pixels"])
        with pytest.raises(ValueError, match="repetition_penalty"):
            await server.generate([3], FREE | {"repetition_penalty": 1.1}, "c")
        return await server.generate([3], FREE, "d")

    assert len(run(ask()).fields["token_ids"]) == 10


def test_abort_hands_back_what_there_is_and_holds_the_next_until_resume(server: CpuServer) -> None:
    async def ask() -> tuple[Reply, bool, Reply]:
        first = asyncio.create_task(server.generate([3, 4], FREE | {"max_tokens": 30}, "a"))
        while not server.engine.busy or not next(iter(server._answers)).tokens:
            await asyncio.sleep(0)
        await server.abort_all_requests()
        aborted = await first
        held = asyncio.create_task(server.generate([3, 4], FREE, "b"))
        await asyncio.sleep(0.05)
        waited = not held.done()
        await server.resume_generation()
        return aborted, waited, await held

    aborted, waited, resumed = run(ask())
    assert aborted.fields["stop_reason"] == "aborted"
    assert 0 < len(aborted.fields["token_ids"]) < 30
    assert waited
    assert resumed.fields["stop_reason"] == "completed"


def test_a_rejecting_server_answers_at_once_with_nothing(server: CpuServer) -> None:
    async def ask() -> list[Reply]:
        await server.abort_all_requests(reject_request=True)
        return await server.generate_many([([3], FREE), ([4], FREE)])

    for reply in run(ask()):
        assert (reply.fields["token_ids"], reply.fields["stop_reason"]) == ([], "aborted")


def test_a_failure_in_the_model_reaches_the_caller_and_the_next_request_works(
    server: CpuServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask() -> Reply:
        with monkeypatch.context() as broken:
            broken.setattr(server.engine, "_sample", lambda _: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                await server.generate([3], FREE, "a")
        return await server.generate([3], FREE, "b")

    assert len(run(ask()).fields["token_ids"]) == 10


def test_without_weights_of_its_own_it_waits_for_the_actors(folder: Path) -> None:
    import torch

    server = CpuServer(spec(folder, read_weights=False))
    weights = build_model().state_dict()
    assert not torch.equal(
        server.engine.model.state_dict()["model.norm.weight"], weights["model.norm.weight"] + 1
    )
    run(server.load_weights(weights, 0))
    for name, tensor in server.engine.model.state_dict().items():
        assert torch.equal(tensor, weights[name])
