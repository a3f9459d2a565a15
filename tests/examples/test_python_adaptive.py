"""The notebook that introduces python-adaptive runs with this package, cell by cell."""

from __future__ import annotations

import ast
import re

import nbformat
import pytest

from .conftest import PYTHON_ADAPTIVE, Executed
from .kernel import complaints, errors, printed, shown
from .python_adaptive import SOURCE

IS_HERE = SOURCE.is_file()
pytestmark = [
    pytest.mark.skipif(not IS_HERE, reason=f"the notebook of python-adaptive is not at {SOURCE}"),
    pytest.mark.parametrize("executes", [PYTHON_ADAPTIVE] if IS_HERE else [None]),  # none is executed in vain
]

WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def cells(executes: str, executed: Executed) -> list[nbformat.NotebookNode]:
    """The cells of the original."""
    return [cell for cell in executed(executes).cells if "index" in cell.metadata]


def last_line(cell: nbformat.NotebookNode) -> str:
    """What a cell shows, on one line."""
    statements = ast.parse(re.sub(r"^!.*", "", cell.source, flags=re.MULTILINE)).body
    return ast.unparse(statements[-1]) if statements else ""


def test_it_is_complete(cells: list[nbformat.NotebookNode]) -> None:
    assert len(cells) == 60
    assert sum("runner.live_info()" in cell.source for cell in cells) == 20
    assert all(cell.execution_count for cell in cells)


def test_cells_raise_only_what_the_text_says(cells: list[nbformat.NotebookNode]) -> None:
    raised = {cell.source.strip().splitlines()[-1]: errors(cell) for cell in cells if errors(cell)}
    (error,) = raised.pop("runner.task.result()")
    assert error.startswith("FunctionError: learner.function(")
    assert "RuntimeError: something went wrong!" in error
    # 1 / x² at 0; whether it is asked for there depends on the number of workers, with python-adaptive too.
    for (error,) in raised.values():
        assert error.startswith("FunctionError: learner.function(0.0)")
        assert "ZeroDivisionError" in error


def test_runs_come_to_their_end(executes: str, executed: Executed) -> None:
    ends = [printed(cell).strip() for cell in executed(executes).cells if "wait" in cell.metadata.tags]
    assert len(ends) == 19
    assert ends.count("failed") == 1
    assert ends.count("finished") == len(ends) - 1


# Of HoloViews, Matplotlib, and Plotly.
PICTURES = ("text/html", "image/png", "application/vnd.plotly.v1+json")


def test_pictures_and_widgets_are_shown(cells: list[nbformat.NotebookNode]) -> None:
    ends = [cell for cell in cells if re.search(r"plot\w*\(|cols\(2\)", last_line(cell))]
    assert len(ends) >= 25
    pictures = [cell for cell in ends if not errors(cell)]  # that these are few is another test's matter
    assert [cell.source for cell in pictures if not any(shown(cell, kind) for kind in PICTURES)] == []
    infos = [cell for cell in cells if last_line(cell) == "runner.live_info()"]
    assert len(infos) >= 12
    assert [cell.source for cell in infos if not shown(cell, WIDGET)] == []


def test_what_is_printed(cells: list[nbformat.NotebookNode]) -> None:
    text = "".join(printed(cell) for cell in cells)
    assert "the runner hasn't reached it goal" not in text.lower()
    assert re.search(r"The integral value is 17\.6643835\d* with the corresponding error of \d\.\d+e-0?[789]", text)
    assert "cancelled\n" in text
    assert "example_file.p" in text
    assert "periodic_example.p" in text


def test_what_is_shown(cells: list[nbformat.NotebookNode]) -> None:
    by_end = {last_line(cell): "".join(shown(cell)) for cell in cells}
    assert by_end["runner.task.done()"] == "True"
    assert by_end["timer.result()"].startswith("datetime.timedelta(")
    extra = ast.literal_eval(by_end["learner.extra_data"])
    assert all(result.keys() == {"y", "waiting_time"} for result in extra.values())


def test_nobody_complains(executes: str, executed: Executed) -> None:
    text = complaints(executed(executes))
    warned = re.findall(r"\b(\w+Warning): ", text)
    # Of scipy.integrate.quad, as the text says, and of scikit-learn.
    assert set(warned) <= {"IntegrationWarning", "ConvergenceWarning"}, text
    assert "Traceback" not in text, text
