"""What live info shows on demand: all of it escaped, and never too much."""

from __future__ import annotations

from typing import Any

from adaptive_dask.notebook.details import MOST_CALLS, MOST_FAILURES, MOST_LETTERS, describe_failures, describe_log
from adaptive_dask.run.failures import FailedPoint


def failed(number: int, text: str = "ValueError", **more: Any) -> FailedPoint:
    given = {"id": number, "point": number, "status": "failed", "tries": 2, "traceback_text": text}
    return FailedPoint(**given | {"worker": None, "log": None} | more)


def test_failures_come_with_place_and_traceback_and_escaped() -> None:
    shown = describe_failures(
        {"failures": [failed(7, "<b>no</b>", point="<i>", worker="tcp://here", log="/a & b.log")]}
    )
    assert "1 points failed:" in shown
    assert "&#x27;&lt;i&gt;&#x27;: failed, 2 tries, on tcp://here (log: /a &amp; b.log)" in shown
    assert "<pre>&lt;b&gt;no&lt;/b&gt;</pre>" in shown


def test_of_many_failures_the_newest_are_shown_and_of_long_tracebacks_the_end() -> None:
    failures = [failed(number, "x" * MOST_LETTERS + f"end {number}.") for number in range(100)]
    shown = describe_failures({"failures": failures})
    assert f"100 points failed; the last {MOST_FAILURES} of them:" in shown
    assert shown.count("<details>") == MOST_FAILURES
    assert shown.index("end 99.") < shown.index("end 80.")
    assert "end 79." not in shown
    assert len(shown) < 1.1 * MOST_FAILURES * MOST_LETTERS


def test_without_failures_or_log_it_says_so() -> None:
    assert "No point has failed." in describe_failures({})
    assert "log=True" in describe_log({})
    assert "0 calls" in describe_log({"log": []})


def test_of_a_long_log_the_last_calls_are_shown_escaped() -> None:
    shown = describe_log({"log": [("tell", number, "<b>" + "y" * 1000) for number in range(500)]})
    assert f"500 calls to the learner; the last {MOST_CALLS}:" in shown
    assert "tell(300, &#x27;&lt;b&gt;y" in shown
    assert "tell(299" not in shown
    assert len(shown) < 400 * MOST_CALLS
