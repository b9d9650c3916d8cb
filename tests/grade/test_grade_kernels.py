"""The grader's kernels against their slow twins."""

import numpy as np
import pytest

from kernels import aperture, grid_edges, grid_lines
from tests.grade.symbol_renderer import gaussian, matrix, picture
from tests.reference import aperture as plain
from tests.reference import grid_edges as plain_edges


def weights_of(diameter: float, phases: int) -> np.ndarray:
    size = 2 * aperture.aperture_half_px(diameter, phases) + 1
    weights = np.zeros((phases, phases, size, size), np.float32)
    aperture.aperture_weights(diameter, weights, np.zeros(size * size))
    return weights


def noise_image(seed: int, height: int = 40, width: int = 50) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


@pytest.mark.parametrize("phases", [1, 4])
@pytest.mark.parametrize("diameter", [1.0, 2.0, 3.3, 4.8, 6.4, 8.0, 11.2])
def test_weights_are_whole_and_sum_to_one(diameter: float, phases: int) -> None:
    weights = weights_of(diameter, phases)
    assert (weights == np.round(weights)).all()
    assert (weights >= 0).all()
    assert (weights.sum(axis=(2, 3), dtype=np.float64) == aperture.UNITS).all()
    # Nothing is cut off: the rim rows hold no more than their share, the mirrored phases mirror.
    np.testing.assert_allclose(weights, weights[::-1, :, ::-1, :], atol=8)
    np.testing.assert_allclose(weights, weights[:, ::-1, :, ::-1], atol=8)
    np.testing.assert_allclose(weights, weights.transpose(1, 0, 3, 2), atol=300)


@pytest.mark.parametrize("diameter", [1.0, 3.3, 4.8, 6.4, 11.2])
@pytest.mark.parametrize("left_top", [(5, 4), (-3, -2), (30, 28)])
def test_reference_image_is_the_mean_over_the_aperture(diameter: float, left_top: tuple[int, int]) -> None:
    image = noise_image(7)
    left, top = left_top
    weights = weights_of(diameter, 1)
    spans = np.array([[left, left + 24], [left + 3, left + 20], [left, left], [left + 5, left + 6]] * 4, np.int64)
    rows = np.full((weights.shape[2] // 2 + 2, 24 + weights.shape[2]), np.nan, np.float32)
    reference = np.full((len(spans), 24), -1.0, np.float32)
    count = aperture.reference_image(image, weights, left, top, spans, rows, reference)
    assert count == int((spans[:, 1] - spans[:, 0]).sum())
    random = np.random.default_rng(3)
    for r, (first, end) in enumerate(spans):
        assert (reference[r, : first - left] == -1.0).all()
        assert (reference[r, end - left :] == -1.0).all()
        for x in random.permutation(np.arange(first, end))[:4]:
            expected = plain.disc_mean(image, float(x), float(top + r), diameter)
            assert reference[r, x - left] / aperture.UNITS == pytest.approx(expected, abs=0.5)


def test_reference_image_of_one_grey_is_exact() -> None:
    for grey in (0, 1, 128, 255):
        image = np.full((30, 30), grey, np.uint8)
        weights = weights_of(6.4, 1)
        reference = np.zeros((30, 30), np.float32)
        spans = np.tile(np.array([0, 30], np.int64), (30, 1))
        aperture.reference_image(image, weights, 0, 0, spans, np.zeros((5, 40), np.float32), reference)
        assert (reference == grey * aperture.UNITS).all()


@pytest.mark.parametrize("seed", range(6))
def test_spans_and_extremes_of_an_area(seed: int) -> None:
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 2 * np.pi, 5))
    polygon = np.stack((20 + 15 * np.cos(angles), 18 + 14 * np.sin(angles)), axis=-1)
    values = random.integers(0, 2**24, (40, 44)).astype(np.float32)
    spans = np.zeros((40, 2), np.int64)
    count = aperture.polygon_spans(polygon, 0, spans)
    covered = np.array([[first <= c < end for c in range(44)] for first, end in spans])
    expected = np.array([[plain.inside(polygon, c, r) for c in range(44)] for r in range(40)])
    assert (covered == expected).all()
    assert count == expected.sum()
    filled = np.tile(np.array([0, 44], np.int64), (40, 1))
    assert aperture.area_extremes(values, 0, 0, filled, spans, 0) == plain.extremes(values.astype(np.float64), polygon)


def test_extremes_where_nothing_is_filled_are_zero() -> None:
    values = np.ones((4, 4), np.float32)
    empty = np.zeros((4, 2), np.int64)
    assert aperture.area_extremes(values, 0, 0, empty, np.tile(np.array([0, 4], np.int64), (4, 1)), 0) == (0.0, 0.0)


@pytest.mark.parametrize("diameter", [3.3, 6.4])
def test_module_greys_are_the_mean_over_the_aperture(diameter: float) -> None:
    image = gaussian(noise_image(5, 60, 60).astype(np.float64), 2.0).astype(np.uint8)
    v, u = np.mgrid[0:7, 0:8].astype(np.float64)
    grid = np.stack((3.3 + 7.9 * u + 0.7 * v, 2.1 + 8.3 * v - 0.4 * u), axis=-1)
    greys = np.zeros((6, 7))
    assert aperture.module_greys(image, weights_of(diameter, 4), grid, greys) == 0
    centres = (grid[1:, 1:] + grid[:-1, 1:] + grid[1:, :-1] + grid[:-1, :-1]) / 4
    for r in range(6):
        for c in range(7):
            assert greys[r, c] == pytest.approx(plain.disc_mean(image, *centres[r, c], diameter), abs=2.0)


def test_modules_outside_the_image_are_counted() -> None:
    image = noise_image(5, 20, 20)
    v, u = np.mgrid[0:4, 0:4].astype(np.float64)
    greys = np.zeros((3, 3))
    outside = aperture.module_greys(image, weights_of(4.0, 4), np.stack((u * 10 - 10, v * 10), axis=-1), greys)
    assert outside == 5  # one column to the left, one row below
    assert np.isnan(greys).sum() == 5


def edges_of(inverted: bool, angle_deg: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A blurred picture, its ringed grid moved a little, and the edges found across and down."""
    light, ink = (30.0, 210.0) if inverted else (210.0, 30.0)
    drawn = picture(matrix((10, 10)), light, ink, angle_deg=angle_deg, blur_px=1.0, samples=3)
    image = np.ascontiguousarray(drawn.build().astype(np.float32) * aperture.UNITS)
    extended = np.zeros((13, 13, 2))
    grid_lines.extend_grid(np.ascontiguousarray(drawn.grid() + np.array([0.6, -0.4])), extended)
    across, down = np.zeros((11, 10, 5)), np.zeros((11, 10, 5))
    scratch = np.zeros((12, 12, 3)), np.zeros((12, 12, 3))
    found = grid_edges.module_edges(image, 0, 0, extended, int(inverted), *scratch, across, down)
    assert found == (~np.isnan(across[..., 0])).sum() + (~np.isnan(down[..., 0])).sum()
    return image, extended, across, down


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("angle_deg", [0.0, 37.0])
def test_module_edges_against_the_twin(inverted: bool, angle_deg: float) -> None:
    image, extended, across, down = edges_of(inverted, angle_deg)
    expected = plain_edges.edges(image, extended, inverted, grid_edges.NEIGHBOURHOOD, grid_edges.CONTRAST)
    assert len(expected) > 60
    seen = {}
    for name, edges in (("across", across), ("down", down)):
        for line, place in zip(*np.nonzero(~np.isnan(edges[..., 0])), strict=True):
            seen[name, int(line), int(place)] = edges[line, place]
    assert seen.keys() == expected.keys()
    for key, (offset, sign) in expected.items():
        assert seen[key][0] == pytest.approx(offset, abs=1e-5)
        assert seen[key][1] == sign
        assert abs(seen[key][2]) <= 1 and abs(seen[key][3]) <= 1 and 0 <= seen[key][4] <= 1


def random_edges(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    edges = np.zeros((9, 12, 5))
    edges[..., 1] = random.choice([-1.0, 1.0], (9, 12))
    edges[..., 2:4] = edges[..., 1:2] * random.choice([-1.0, -0.5, 0.0, 0.5, 1.0], (9, 12, 2))
    edges[..., 4] = random.uniform(0.2, 1.0, (9, 12))
    lines = random.normal(0, 0.1, (9, 1))
    edges[..., 0] = lines + edges[..., 1:4] @ np.array([0.08, 0.03, -0.02]) + random.normal(0, 0.02, (9, 12))
    edges[..., 0][random.random((9, 12)) < 0.25] = np.nan
    return edges


@pytest.mark.parametrize("seed", range(4))
def test_edge_shifts_against_least_squares(seed: int) -> None:
    edges = random_edges(seed)
    shifts = np.zeros(3)
    used = grid_lines.edge_shifts(edges, 1, shifts)
    assert used == (np.abs(edges[..., 0]) <= grid_lines.OUTLIER).sum()
    np.testing.assert_allclose(shifts, plain_edges.shifts(edges, grid_lines.OUTLIER), atol=1e-9)
    np.testing.assert_allclose(shifts, [0.08, 0.03, -0.02], atol=0.02)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("own", [False, True])
def test_line_offsets_against_least_squares(seed: int, own: bool) -> None:
    edges = random_edges(seed)
    shifts = np.array([0.08, 0.03, -0.02])
    out = np.zeros((9, 13))
    lone = grid_lines.line_offsets(edges, shifts, int(own), np.zeros((2, 12)), np.zeros((9, 13, 5)), out)
    assert lone == 0
    expected = plain_edges.offsets(
        edges, shifts, grid_lines.REACH, grid_lines.LINES, grid_lines.RIDGE, grid_lines.SLOPE_RIDGE, grid_lines.OUTLIER, own
    )
    np.testing.assert_allclose(out, expected, atol=1e-9)


def test_lines_without_edges_stay() -> None:
    edges = np.full((9, 12, 5), np.nan)
    out = np.ones((9, 13))
    assert grid_lines.line_offsets(edges, np.zeros(3), 1, np.zeros((2, 12)), np.zeros((9, 13, 5)), out) == 9 * 13
    assert (out == 0.0).all()


def test_a_regular_grid_is_extended_regularly_and_moved_as_told() -> None:
    v, u = np.mgrid[0:11, 0:15].astype(np.float64)

    def place(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return np.stack((7 + 8.1 * u - 0.6 * v, 9 + 0.7 * u + 7.8 * v), axis=-1)

    grid = place(u, v)
    extended = np.zeros((13, 17, 2))
    grid_lines.extend_grid(grid, extended)
    rv, ru = np.mgrid[-1:12, -1:16].astype(np.float64)
    np.testing.assert_allclose(extended, place(ru, rv), atol=1e-9)
    moved = np.zeros_like(grid)
    largest = grid_lines.move_grid(grid, np.full((15, 11), 0.25), np.full((11, 15), -0.1), moved)
    assert largest == 0.25
    np.testing.assert_allclose(moved, place(u + 0.25, v - 0.1), atol=1e-9)
    assert grid_lines.grid_pitch(grid) == pytest.approx((np.hypot(8.1, 0.7), np.hypot(0.6, 7.8)))
    assert grid_lines.corner_deviation(grid, 1, 1, 9, 13) == pytest.approx(0.0, abs=1e-9)
    grid[4, 6] += [0.3, -0.4]
    assert grid_lines.corner_deviation(grid, 1, 1, 9, 13) == pytest.approx(0.5)
    assert grid_lines.corner_deviation(grid, 5, 1, 9, 13) == pytest.approx(0.0, abs=1e-9)
