"""The grader's kernels against their slow twins."""

import numpy as np
import pytest

from kernels import aperture, grid_edges, grid_lines
from tests.grade.symbol_renderer import gaussian, matrix, picture
from tests.reference import aperture as plain
from tests.reference import grid_edges as plain_edges


def weights_of(diameter: float, phases: int) -> np.ndarray:
    size = 2 * aperture.aperture_half_px(diameter, phases) + 1
    weights = np.zeros((phases, phases, size, size), np.int32)
    aperture.aperture_weights(diameter, weights, np.zeros(size * size))
    return weights


def noise_image(seed: int, height: int = 40, width: int = 50) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


@pytest.mark.parametrize("phases", [1, 4])
@pytest.mark.parametrize("diameter", [1.0, 2.0, 3.3, 4.8, 6.4, 8.0, 11.2])
def test_weights_are_whole_and_sum_to_one(diameter: float, phases: int) -> None:
    weights = weights_of(diameter, phases)
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
    count = aperture.polygon_spans(polygon, 0, 0, 44, spans)
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


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("angle_deg", [0.0, 37.0])
def test_levels_and_edges_against_the_twin(inverted: bool, angle_deg: float) -> None:
    """A blurred picture with a faint module, its ringed grid moved a little."""
    light, ink = (30.0, 210.0) if inverted else (210.0, 30.0)
    drawn = picture(matrix((10, 10)), light, ink, angle_deg=angle_deg, blur_px=1.0, samples=3)
    drawn.values[4, 5] = 140.0
    image = np.ascontiguousarray(drawn.build().astype(np.float32) * aperture.UNITS)
    extended = np.zeros((13, 13, 2))
    grid_lines.extend_grid(np.ascontiguousarray(drawn.grid() + np.array([0.6, -0.4])), extended)
    centres, levels = np.zeros((14, 14, 6)), np.zeros(grid_edges.TERMS)
    assert grid_edges.centre_values(image, 0, 0, extended, centres) == 144
    value = centres[1:-1, 1:-1, 2].copy()
    middle = (extended[1:, 1:] + extended[:-1, 1:] + extended[1:, :-1] + extended[:-1, :-1]) / 4
    np.testing.assert_allclose(centres[1:-1, 1:-1, :2], middle, atol=1e-9)
    np.testing.assert_allclose(value, [[plain_edges.value_at(image, *place) for place in row] for row in middle], rtol=1e-6)
    assert grid_edges.local_colours(centres, np.zeros((12, 12, 2)), int(inverted)) == 144
    colour = centres[1:-1, 1:-1, 3].copy()
    near = grid_edges.NEIGHBOURHOOD
    for r, c in ((0, 0), (5, 6), (11, 3)):
        part = value[max(0, r - near) : r + near + 1, max(0, c - near) : c + near + 1]
        assert colour[r, c] == (-1.0 if value[r, c] < (part.min() + part.max()) / 2 else 1.0)
    beyond = -1.0 if inverted else 1.0
    expected, weight, missed = plain_edges.levels(value, colour, beyond, grid_edges.STRAY, grid_edges.FAINT, grid_edges.RIDGE)
    assert grid_edges.fit_levels(centres, 0, levels) == levels[3]
    np.testing.assert_allclose(levels, expected, rtol=1e-7, atol=1e-3)
    np.testing.assert_allclose(centres[1:-1, 1:-1, 4], weight, atol=1e-9)
    colour = centres[1:-1, 1:-1, 3].copy()
    expected, weight, missed = plain_edges.levels(
        value, colour, beyond, grid_edges.STRAY, grid_edges.FAINT, grid_edges.RIDGE, weight
    )
    grid_edges.fit_levels(centres, 1, levels)
    np.testing.assert_allclose(levels, expected, rtol=1e-7, atol=1e-3)
    assert weight.min() < 0.5 < np.median(weight)
    across, down = np.zeros((11, 10, 7)), np.zeros((11, 10, 7))
    growth = np.array([0.04, -0.03])
    found = grid_edges.module_edges(image, 0, 0, extended, int(inverted), centres, levels, growth, across, down)
    assert found == (~np.isnan(across[..., 0])).sum() + (~np.isnan(down[..., 0])).sum() > 60
    twin = plain_edges.edges(image, extended, inverted, value, levels, weight, missed, grid_edges.DELTA, (0.04, -0.03))
    seen = {}
    for name, edges in (("across", across), ("down", down)):
        for line, place in zip(*np.nonzero(~np.isnan(edges[..., 0])), strict=True):
            seen[name, int(line), int(place)] = edges[line, place]
    assert seen.keys() == twin.keys()
    for key, (offset, sign, of) in twin.items():
        assert seen[key][0] == pytest.approx(offset, abs=1e-5)
        assert seen[key][1] == sign
        assert seen[key][6] == pytest.approx(of, abs=1e-6)
        assert (np.abs(seen[key][2:6]) <= 1).all()
        assert seen[key][4] * sign >= 0 and seen[key][5] * sign >= 0


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_wrong_modules_and_those_between_such_lose_their_weight(seed: int, inverted: bool) -> None:
    random = np.random.default_rng(seed)
    expected = random.choice(np.array([0, 1, 2], np.uint8), (14, 18), p=[0.45, 0.45, 0.1])
    wrong = (random.random((14, 18)) < 0.12) & (expected < 2)
    finder = 1.0 if inverted else -1.0
    centres = np.full((16, 20, 6), -1e300)  # what the ring beyond the quiet zone holds must not matter
    centres[1:-1, 1:-1, 3] = np.where((expected == 1) != wrong, finder, -finder)
    centres[1:-1, 1:-1, 4] = random.uniform(0.1, 1.0, (14, 18))
    before = centres.copy()
    count = int(wrong.sum())
    assert grid_edges.drop_wrong(centres, expected, int(inverted), count - 1) == count
    assert (centres == before).all(), "more than that are wrong: nothing is taken"
    assert grid_edges.drop_wrong(centres, expected, int(inverted), count) == count
    twin = plain_edges.kept(before[1:-1, 1:-1, 4], wrong, grid_edges.STAINED)
    assert (centres[1:-1, 1:-1, 4] == twin).all()
    assert 0 < (twin > 0).sum() < twin.size


SHIFTS = np.array([0.08, 0.03, -0.02, 0.02, -0.01])


def random_edges(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    edges = np.zeros((9, 12, 7))
    edges[..., 1] = random.choice([-1.0, 1.0], (9, 12))
    edges[..., 2:4] = random.choice([-1.0, -0.5, 0.0, 0.5, 1.0], (9, 12, 2))
    edges[..., 4:6] = edges[..., 1:2] * random.choice([0.0, 0.25, 0.5, 0.75, 1.0], (9, 12, 2))
    edges[..., 6] = random.uniform(0.2, 1.0, (9, 12))
    lines = random.normal(0, 0.1, (9, 1))
    edges[..., 0] = lines + edges[..., 1:6] @ SHIFTS + random.normal(0, 0.01, (9, 12))
    edges[..., 0][random.random((9, 12)) < 0.25] = np.nan
    return edges


@pytest.mark.parametrize("seed", range(4))
def test_edge_shifts_against_least_squares(seed: int) -> None:
    edges = random_edges(seed)
    shifts = np.zeros(5)
    used = grid_lines.edge_shifts(edges, 1, shifts)
    assert used == (np.abs(edges[..., 0]) <= grid_lines.OUTLIER).sum()
    np.testing.assert_allclose(shifts, plain_edges.shifts(edges, grid_lines.OUTLIER, grid_lines.SHIFT_RIDGE), atol=1e-9)
    np.testing.assert_allclose(shifts, SHIFTS, atol=0.03)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("own", [False, True])
def test_line_offsets_against_least_squares(seed: int, own: bool) -> None:
    edges = random_edges(seed)
    shifts = SHIFTS
    out = np.zeros((9, 13))
    lone = grid_lines.line_offsets(edges, shifts, int(own), np.zeros((2, 12)), np.zeros((5, 9, 13)), np.zeros((9, 13)), out)
    assert lone == 0
    expected = plain_edges.offsets(
        edges, shifts, grid_lines.REACH, grid_lines.LINES, grid_lines.RIDGE, grid_lines.SLOPE_RIDGE, grid_lines.OUTLIER, own
    )
    np.testing.assert_allclose(out, expected, atol=1e-9)


def test_lines_without_edges_stay() -> None:
    edges = np.full((9, 12, 5), np.nan)
    out = np.ones((9, 13))
    assert grid_lines.line_offsets(edges, np.zeros(3), 1, np.zeros((2, 12)), np.zeros((5, 9, 13)), np.zeros((9, 13)), out) == 9 * 13
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
