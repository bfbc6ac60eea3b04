"""Pictures of figures: small, the same each time, and what was drawn."""

from __future__ import annotations

import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from levinthal.workloads.drawing import new_figure, svg_of


@pytest.fixture
def drawn() -> str:
    return _drawn()


def _drawn() -> str:
    figure = new_figure(4, 3)
    axes = figure.subplots()
    axes.plot([0.0, 1.0], [0.123456, 0.654321])
    axes.text(0.5, 0.5, "0.123456 Å <b>")
    points = np.random.default_rng(0).random((2_000, 2))
    axes.scatter(*points.T, c=points[:, 0], s=4, cmap="viridis", rasterized=True)
    return svg_of(figure)


def test_the_same_data_give_the_same_bytes(drawn):
    assert drawn == _drawn()


def test_text_stays_text_with_all_its_digits(drawn):
    words = [each.text for each in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
    assert "0.123456 Å <b>" in words
    assert drawn.count("DejaVu Sans") == 1


def test_coordinates_have_two_decimals_at_most(drawn):
    paths = re.findall(r' d="([^"]*)"', drawn)
    assert paths
    assert not re.search(r"\.\d{3}", "".join(paths))


def test_a_raster_shows_the_points_in_their_colours(drawn):
    from PIL import Image

    (raster,) = re.findall(r'data:image/png;base64,([^"]+)"', drawn)
    with Image.open(io.BytesIO(base64.b64decode(raster))) as image:
        assert len(image.getpalette("RGB") or ()) <= 3 * 128
        pixels = np.asarray(image.convert("RGBA"), float)
    seen = pixels[..., 3] > 250
    assert 0.1 < seen.mean() < 0.9
    # viridis goes from (68, 1, 84) on the left to (253, 231, 37) on the right
    left, right = pixels[:, :40][seen[:, :40]][:, :3], pixels[:, -40:][seen[:, -40:]][:, :3]
    np.testing.assert_allclose(np.median(left, axis=0), (70, 15, 95), atol=25)
    np.testing.assert_allclose(np.median(right, axis=0), (218, 226, 28), atol=25)
