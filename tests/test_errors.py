"""The exception tree: one line each, and every one survives the way back from a worker process."""

from __future__ import annotations

import pickle

import pytest

from levinthal import errors


def kinds(kind=errors.LevinthalError):
    return [kind, *(each for below in kind.__subclasses__() for each in kinds(below))]


@pytest.mark.parametrize("kind", [each for each in kinds() if each is not errors.MissingExtraError])
def test_a_message_is_one_line_and_survives_pickling(kind):
    error = kind("what\nis   wrong:\n fix it")
    assert str(error) == "what is wrong: fix it"
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back)) == (type(error), str(error))


def test_a_missing_extra_names_the_install_command():
    error = errors.MissingExtraError("pandas", "pandas", "a table")
    assert str(error) == "a table needs the package pandas: pip install 'levinthal[pandas]'"
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back)) == (type(error), str(error))
