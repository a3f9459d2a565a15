"""What is said about a module that another process lacks."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from types import ModuleType

import pytest

from adaptive_dask.cluster.loading import describe_trouble, loading_on_scheduler, missing_module
from adaptive_dask.errors import AdaptiveError, ModuleMissingError
from adaptive_dask.missing_module import advise


def test_a_file_of_the_users_is_to_be_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "requests_of_mine.py").touch()
    (tmp_path / "package_of_mine").mkdir()
    (tmp_path / "package_of_mine" / "__init__.py").touch()
    (tmp_path / "folder_of_mine").mkdir()
    assert f"client.upload_file({str(tmp_path / 'requests_of_mine.py')!r})" in advise("requests_of_mine")
    for name in ("package_of_mine.sub", "folder_of_mine"):
        assert "zip file with client.upload_file" in advise(name)
        assert str(tmp_path) in advise(name)
    for name in ("requests_of_mine", "package_of_mine", "folder_of_mine"):
        assert "register_pickle_by_value" in advise(name)
        assert "pip" not in advise(name).lower()


def test_a_file_that_shadows_a_package_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "cloudpickle.py").touch()
    monkeypatch.delitem(sys.modules, "cloudpickle")
    assert "upload_file" in advise("cloudpickle")
    assert "PipInstall" not in advise("cloudpickle")


def test_a_package_is_installed_under_its_own_name() -> None:
    pytest.importorskip("sklearn")
    assert "PipInstall(['scikit-learn'])" in advise("sklearn.cluster")
    assert "upload_file" not in advise("sklearn")


def test_what_is_not_here_may_be_anything() -> None:
    text = advise("no_such_module_anywhere")
    assert text.index("upload_file") < text.index("PipInstall([...])")
    assert "no_such_module_anywhere" not in text, "PyPI may have a package of that name"


def test_the_standard_library_and_this_package() -> None:
    assert "Python 3." in advise("tomllib")
    assert "the same version as here" in advise("adaptive_dask.cluster")


def test_a_module_that_was_made_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("made_by_hand")
    monkeypatch.setitem(sys.modules, "made_by_hand", module)
    assert "If it is a file of yours" in advise("made_by_hand")


@pytest.mark.long
def test_the_error_travels_and_is_made_up_where_it_is_shown() -> None:
    error = ModuleMissingError("The scheduler cannot load it", "sklearn", "No module named 'sklearn'")
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.module, str(copy)) == ("sklearn", str(error))
    assert str(error).startswith("The scheduler cannot load it: module 'sklearn' is missing there. ")
    assert str(ModuleMissingError("Plain text.")) == "Plain text."


def test_only_a_module_that_is_not_found_is_missing() -> None:
    def caught(statement: str) -> ImportError:
        with pytest.raises(ImportError) as raised:
            exec(statement)
        return raised.value

    assert missing_module(caught("import no_such_module.sub")) == "no_such_module"
    assert missing_module(caught("from os import no_such_name")) is None
    assert missing_module(AttributeError("no such name", name="name")) is None
    assert missing_module(ModuleNotFoundError("odd", name=5)) is None  # type: ignore[arg-type]
    assert "another version" in describe_trouble(caught("from os import no_such_name"))
    assert "another version" not in describe_trouble(caught("import no_such_module"))
    missing = pytest.raises(ModuleMissingError, match=r"The scheduler cannot load it.*'no_such_module'")
    with missing, loading_on_scheduler("it"):
        raise caught("import no_such_module")
    with pytest.raises(AdaptiveError, match="cannot import name") as raised, loading_on_scheduler("it"):
        raise caught("from os import no_such_name")
    assert not isinstance(raised.value, ModuleMissingError)
