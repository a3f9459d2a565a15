"""The link to a run's page follows Dask's own, whatever proxy that has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from adaptive_dask.runner.dashboard_link import make_link


@pytest.mark.parametrize(
    ("dask", "ours"),
    [
        ("http://10.0.0.1:8787/status", "http://10.0.0.1:8787/adaptive?run=a%20%26%3C%2Fb"),
        ("https://hub/user/me/proxy/8787/status", "https://hub/user/me/proxy/8787/adaptive?run=a%20%26%3C%2Fb"),
        ("http://gateway/clusters/x/status/", "http://gateway/clusters/x/adaptive?run=a%20%26%3C%2Fb"),
        ("/proxy/8787/status", "/proxy/8787/adaptive?run=a%20%26%3C%2Fb"),
        (None, None),
        ("", None),
    ],
)
def test_a_link(dask: str | None, ours: str | None) -> None:
    client: Any = SimpleNamespace(dashboard_link=dask)
    assert make_link(client, "a &</b", {}) == ours


def test_a_scheduler_without_http_server_has_no_link() -> None:
    class Client:
        @property
        def dashboard_link(self) -> str:
            raise KeyError("dashboard")

    client: Any = Client()
    assert make_link(client, "scan", {}) is None


def test_a_scheduler_that_serves_no_pages_has_no_link() -> None:
    client: Any = SimpleNamespace(dashboard_link="http://10.0.0.1:8787/status")
    assert make_link(client, "scan", {"pages": True}) == "http://10.0.0.1:8787/adaptive?run=scan"
    assert make_link(client, "scan", {"pages": False}) is None
