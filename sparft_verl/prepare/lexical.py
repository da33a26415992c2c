"""The embedder without a model: word overlap, reduced by SVD. Not semantic, and it says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparft_verl.prepare.embed_config import EmbedConfig
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.threads import limited

# scikit-learn's default pattern drops single characters, and with them the digits and signs of arithmetic.
_TOKEN = r"(?u)\w+|[^\w\s]"


class Lexical:
    """TF-IDF over words and word pairs, then truncated SVD to `embed.lexical_dim`.

    It is fitted on all prompts together, so it is one job: not sharded, not dealt to workers.
    """

    def __init__(self, config: EmbedConfig, seed: int) -> None:
        self.dim, self.seed = config.lexical_dim, seed

    def identify(self) -> dict[str, Any]:
        """Return all that the vectors depend on besides the prompts."""
        import scipy
        import sklearn

        return {
            "engine": "lexical",
            "model": "TF-IDF + SVD (word overlap, not a semantic model; fitted on all prompts as one job)",
            "dim": self.dim,
            "seed": self.seed,
            "versions": {"scikit-learn": sklearn.__version__, "scipy": scipy.__version__},
        }

    def fit(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        """Return float32 [n, min(lexical_dim, n, words)]. Raises PrepareError when no text holds a word."""
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._words = TfidfVectorizer(token_pattern=_TOKEN, ngram_range=(1, 2), sublinear_tf=True)
        try:
            counts = self._words.fit_transform(texts)
        except ValueError as e:
            raise PrepareError(
                f"embed.engine=lexical needs at least one word in the prompts, but found none "
                f"({e}); check data.prompt_key"
            ) from e
        with limited(1):  # so that the bits do not depend on the number of threads
            if min(counts.shape) <= self.dim:
                u, s, v = np.linalg.svd(counts.toarray(), full_matrices=False)
                # the sign of a singular vector is free: largest entry positive
                sign = np.sign(u[np.abs(u).argmax(axis=0), np.arange(u.shape[1])])
                sign = np.where(sign == 0, 1, sign)
                self._axes = v * sign[:, None]
                return np.ascontiguousarray(u * s * sign, dtype=np.float32)
            svd = TruncatedSVD(self.dim, algorithm="randomized", n_iter=7, random_state=self.seed % 2**32)
            vectors = svd.fit_transform(counts)
            self._axes = svd.components_
            return np.ascontiguousarray(vectors, dtype=np.float32)

    def others(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        """Return float32 [m, d] of texts that the fit has not seen, on its axes; its words alone count."""
        with limited(1):
            return np.ascontiguousarray(self._words.transform(texts) @ self._axes.T, dtype=np.float32)
