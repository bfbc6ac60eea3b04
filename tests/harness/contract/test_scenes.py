"""Scenes of a repeat: their files are artifacts of it, under the names that labels give them."""

from __future__ import annotations

import pytest

from levinthal.harness import ScenePart, SceneStep
from levinthal.harness.contract.recording import Recording
from levinthal.harness.results.events import EventLog

STEPS = [SceneStep(words="one", models=(0,))]


@pytest.fixture
def recording(tmp_path):
    folder = tmp_path / "repeats" / "000"
    folder.mkdir(parents=True)
    return Recording(folder=folder, events=EventLog(tmp_path / "events.jsonl"), index=0)


def test_a_scene_shows_files_of_its_repeat(recording):
    recording.artifact("states.pdb", "END\n")
    with recording.labelled(system="villin"):
        recording.artifact("states.pdb", "END\n")
        recording.scene("States", "All.", [ScenePart(artifact="states.pdb", words="chain")], STEPS)
    (scene,) = recording._scenes
    assert (scene.name, scene.parts[0].artifact) == ("villin: States", "villin-states.pdb")
    assert scene.parts[0].artifact in recording._artifacts


def test_a_file_that_was_not_left_is_refused(recording):
    with pytest.raises(ValueError, match=r"shows 'states.pdb', which is not an artifact"):
        recording.scene("States", "All.", [ScenePart(artifact="states.pdb", words="chain")], STEPS)
