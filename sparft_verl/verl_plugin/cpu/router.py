"""A load balancer for CPU servers; its actor starts without importing verl."""

from typing import Any


class CpuRouter:
    """The calls of verl's load balancers: the server with the fewest requests under way comes next.

    verl's own also keeps a conversation on one server, for the cache of its prefix; ours have none.
    """

    def __init__(self, servers: dict[str, Any], config: dict[str, Any] | None = None) -> None:
        self._servers = dict(servers)
        self._inflight = dict.fromkeys(servers, 0)

    def require_acquire_fields(self) -> list[str]:
        return []

    def require_release_fields(self) -> list[str]:
        return []

    def acquire_server(self, request_id: str) -> tuple[str, Any]:
        """Return (server id, actor handle). Raises RuntimeError, in verl's words, when there is no server."""
        if not self._servers:
            raise RuntimeError("No available servers in load balancer")
        server = min(self._inflight, key=self._inflight.__getitem__)
        self._inflight[server] += 1
        return server, self._servers[server]

    def release_server(self, server_id: str, request_id: str | None = None) -> None:
        if self._inflight.get(server_id, 0) > 0:
            self._inflight[server_id] -= 1

    def add_servers(self, servers: dict[str, Any]) -> None:
        self._servers |= servers
        self._inflight |= {server: 0 for server in servers if server not in self._inflight}

    def remove_servers(self, server_ids: list[str]) -> None:
        for server in server_ids:
            self._servers.pop(server, None)
            self._inflight.pop(server, None)

    def get_inflight_count(self, server_id: str) -> int:
        return self._inflight.get(server_id, 0)

    def get_all_servers(self) -> list[str]:
        return list(self._servers)

    def get_status(self) -> dict[str, Any]:
        return {
            "servers": dict(self._inflight),
            "total_inflight": self.get_total_inflight(),
            "active_servers": len(self._servers),
        }

    def get_total_inflight(self) -> int:
        return sum(self._inflight.values())

    def clear_sticky_cache(self) -> dict[str, Any]:
        return {"cleared_entries": 0, "server_loads": dict(self._inflight)}
