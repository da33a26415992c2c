"""The embedder without a model: word overlap, reduced by SVD. Not semantic, and it says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.threads import limited

if TYPE_CHECKING:
    from sparft_verl.prepare.embed import EmbedConfig

# scikit-learn's default pattern drops single characters, and with them the digits and signs of arithmetic.
_TOKEN = r"(?u)\w+|[^\w\s]"


class Lexical:
    """TF-IDF over words and word pairs, then truncated SVD to `embed.lexical_dim`."""

    def __init__(self, config: EmbedConfig, seed: int) -> None:
        self.dim, self.seed = config.lexical_dim, seed

    def describe(self) -> dict[str, Any]:
        """Return what the manifest says about this embedder."""
        import sklearn

        return {
            "engine": "lexical",
            "model": "TF-IDF + SVD (word overlap, not a semantic model)",
            "versions": {"scikit-learn": sklearn.__version__},
        }

    def encode(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        """Return float32 [n, min(lexical_dim, n, words)]. Raises PrepareError when no text holds a word."""
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer

        try:
            counts = TfidfVectorizer(
                token_pattern=_TOKEN, ngram_range=(1, 2), sublinear_tf=True
            ).fit_transform(texts)
        except ValueError as e:
            raise PrepareError(
                f"embed.engine=lexical needs at least one word in the prompts, but found none "
                f"({e}); check data.prompt_key"
            ) from e
        with limited(1):  # so that the bits do not depend on the number of threads
            if min(counts.shape) <= self.dim:
                u, s, _ = np.linalg.svd(counts.toarray(), full_matrices=False)
                # the sign of a singular vector is free: largest entry positive
                sign = np.sign(u[np.abs(u).argmax(axis=0), np.arange(u.shape[1])])
                return np.ascontiguousarray(u * s * np.where(sign == 0, 1, sign), dtype=np.float32)
            svd = TruncatedSVD(self.dim, algorithm="randomized", n_iter=7, random_state=self.seed % 2**32)
            return np.ascontiguousarray(svd.fit_transform(counts), dtype=np.float32)
