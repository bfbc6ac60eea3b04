"""The exception tree: one line each, and every one survives the way back from a worker process."""

from __future__ import annotations

import pickle

import pytest

from levinthal import errors


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name not in ("Interrupted", "MissingExtraError")])
def test_a_message_is_one_line_and_survives_pickling(name):
    error = getattr(errors, name)("what\nis   wrong:\n fix it")
    assert str(error) == "what is wrong: fix it"
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back)) == (type(error), str(error))


def test_a_missing_extra_names_the_install_command():
    error = errors.MissingExtraError("pandas", "pandas", "a table")
    assert str(error) == "a table needs the package pandas: pip install 'levinthal[pandas]'"
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back)) == (type(error), str(error))
