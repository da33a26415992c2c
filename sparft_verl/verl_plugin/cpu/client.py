"""verl's clients of a rollout server, without the actor between them and the server."""

import itertools
from collections.abc import Sequence
from typing import Any

from verl.workers.rollout.llm_server import FullyAsyncLLMServerClient, LLMServerClient

from sparft_verl.verl_plugin.cpu.collect import Collector

COLLECT_SECONDS = 0.003
"""How long the first of several prompts waits for the others."""


class ServerProxy:
    """Stands for a server's actor handle and sends the prompts that come together in one call."""

    def __init__(self, server: Any) -> None:
        self._requests: Collector[tuple[list[int], dict[str, Any]], Any] = Collector(
            server.generate_many.remote, COLLECT_SECONDS
        )

    @property
    def generate(self) -> "ServerProxy":
        """Spelled as on the actor handle: `server.generate.remote(...)`."""
        return self

    def remote(
        self,
        *,
        prompt_ids: Sequence[int],
        sampling_params: dict[str, Any],
        image_data: Any = None,
        video_data: Any = None,
        audio_data: Any = None,
        **_: Any,
    ) -> Any:
        """Return a future of verl's TokenOutput."""
        if image_data or video_data or audio_data:
            raise ValueError("The CPU rollout reads text only; this prompt has an image, a video or a sound.")
        return self._requests.add((list(prompt_ids), dict(sampling_params)))


class _Direct:
    """Takes the servers in turn; no balancer is asked, because a handful of servers share one machine."""

    def serve_from(self, servers: Sequence[Any]) -> None:
        """Send all requests to `servers`, handles of CpuServer."""
        self._turn = itertools.cycle([ServerProxy(server) for server in servers])

    async def _acquire_server(self, request_id: str, **_: Any) -> tuple[str, Any]:
        return "direct", next(self._turn)

    def _release_server(self, server_id: str, request_id: str | None = None) -> None: ...


class DirectClient(_Direct, LLMServerClient):
    """For the mode in which a prompt is answered in one go."""


class DirectAsyncClient(_Direct, FullyAsyncLLMServerClient):
    """For the modes in which an answer may be interrupted and taken up again."""


def direct(client: Any, servers: Sequence[Any]) -> Any:
    """Return a client that does what verl's `client` does, straight to `servers`."""
    kind = DirectAsyncClient if isinstance(client, FullyAsyncLLMServerClient) else DirectClient
    replacement = kind(config=client.config)
    replacement.serve_from(servers)
    return replacement
