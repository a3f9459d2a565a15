"""Runs on a cluster that speaks TLS only."""

from __future__ import annotations

import pytest
from distributed import Client, LocalCluster
from distributed.security import Security

import adaptive_dask as adaptive

from ..patience import TIMEOUT
from .conftest import assert_clean
from .functions import peak

pytestmark = pytest.mark.long


def test_a_run_under_tls(tmp_path):
    pytest.importorskip("cryptography", reason="temporary certificates are made by it")
    security = Security.temporary()
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="tls://127.0.0.1",
            dashboard_address="127.0.0.1:0",
            security=security,
        ) as cluster,
        Client(cluster, security=security) as client,
    ):
        assert cluster.scheduler_address.startswith("tls://")
        runner = adaptive.Runner(
            adaptive.Learner1D(peak, bounds=(-1, 1)), npoints_goal=300, name="secret", checkpoint=tmp_path
        )
        with Client(cluster, security=security, set_as_default=False) as other:
            assert adaptive.attach("secret", other).result(TIMEOUT).npoints == 300
        assert runner.result(TIMEOUT).npoints == 300
        client.wait_for_workers(2, timeout=TIMEOUT)
        assert_clean(cluster)
