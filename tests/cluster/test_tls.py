"""Runs on a cluster that speaks TLS only."""

from __future__ import annotations

import pytest
from distributed import Client, LocalCluster, Scheduler, SpecCluster, Worker
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


def test_a_scheduler_that_has_only_its_own_certificate():
    pytest.importorskip("cryptography", reason="temporary certificates are made by it")
    security = Security.temporary()
    schedulers = Security(
        tls_ca_file=security.tls_ca_file,
        tls_scheduler_cert=security.tls_scheduler_cert,
        tls_scheduler_key=security.tls_scheduler_key,
        require_encryption=True,
    )
    spec = {"cls": Worker, "options": {"nthreads": 1, "security": security, "dashboard": False}}
    scheduler = {"security": schedulers, "host": "tls://127.0.0.1", "dashboard": False}
    scheduler["dashboard_address"] = "127.0.0.1:0"  # that of the other HTTP routes
    with (
        SpecCluster({0: spec}, {"cls": Scheduler, "options": scheduler}, security=security) as cluster,
        Client(cluster, security=security),
    ):
        runner = adaptive.Runner(adaptive.Learner1D(peak, bounds=(-1, 1)), npoints_goal=50)
        assert runner.result(TIMEOUT).npoints == 50
