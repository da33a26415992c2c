"""Calls made together, and the balancer."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from sparft_verl.verl_plugin.cpu.collect import Collector
from sparft_verl.verl_plugin.cpu.router import CpuRouter


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, timeout=30))


def test_items_that_come_together_go_in_one_call_and_later_ones_in_the_next() -> None:
    calls = []

    async def double(items: list[int]) -> list[int]:
        calls.append(items)
        return [2 * item for item in items]

    async def use() -> list[int]:
        collector = Collector(double, seconds=0.01)
        first = await asyncio.gather(*(collector.add(i) for i in range(5)))
        return [*first, await collector.add(5)]

    assert run(use()) == [0, 2, 4, 6, 8, 10]
    assert calls == [[0, 1, 2, 3, 4], [5]]


def test_a_failed_call_fails_every_item_in_it_and_no_other() -> None:
    async def send(items: list[int]) -> list[int]:
        if 0 in items:
            raise ConnectionError("server gone")
        return items

    async def use() -> list[Any]:
        collector = Collector(send, seconds=0.01)
        failed = await asyncio.gather(collector.add(0), collector.add(1), return_exceptions=True)
        return [*failed, await collector.add(2)]

    first, second, third = run(use())
    assert isinstance(first, ConnectionError)
    assert isinstance(second, ConnectionError)
    assert third == 2


def test_the_balancer_picks_the_server_with_the_fewest_requests() -> None:
    router = CpuRouter({"a": "A", "b": "B"})
    taken = [router.acquire_server("x")[0] for _ in range(4)]
    assert sorted(taken) == ["a", "a", "b", "b"]
    router.release_server("b")
    assert router.acquire_server("y") == ("b", "B")
    assert router.get_total_inflight() == 4
    assert router.get_status()["servers"] == {"a": 2, "b": 2}


def test_servers_come_and_go_and_an_empty_balancer_says_so_in_verls_words() -> None:
    router = CpuRouter({})
    with pytest.raises(RuntimeError, match="No available servers in load balancer"):
        router.acquire_server("x")
    router.add_servers({"a": "A"})
    assert router.acquire_server("x") == ("a", "A")
    router.add_servers({"a": "A2", "b": "B"})
    assert router.get_inflight_count("a") == 1, "requests under way stay counted"
    router.remove_servers(["a"])
    router.release_server("a")
    assert router.get_all_servers() == ["b"]
    assert router.clear_sticky_cache() == {"cleared_entries": 0, "server_loads": {"b": 0}}
