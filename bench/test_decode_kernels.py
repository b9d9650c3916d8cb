"""One row per kernel of the decoder, on a rendered frame of 1280x1024, and the decoder as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kernels.alike import find_alike
from kernels.block_map import block_gradients, find_regions, fourth_harmonic, list_blocks, nth_smallest, smooth_blocks
from kernels.components import cut_blocks, rank_parts
from kernels.edges import grid_edges, projective_fit
from kernels.finders import find_finders, partners, rank_turns, side_waves
from kernels.grid_fit import bend_grid, fit_quad
from kernels.lines import consistency, pair_lines, pick_lines, quad_lines, straight_runs, strip_edges, strip_edges_down
from kernels.patterns import comb_scores, match_clocks
from kernels.reduce import halve
from kernels.reed_solomon import correct_blocks
from kernels.sampling import edge_profile, sample_modules, turn_upright
from kernels.symbols import TOLD, pack_codewords, place_codewords, read_greys, sample_grid, sample_quad
from kernels.threshold import finder_errors, judge_modules
from tests.decode.rendering import draw, modules
from vision.decode.decode import decode
from vision.decode.finders import shapes_of
from vision.decode.placement import placement
from vision.decode.search import Search, Workspace
from vision.decode.symbol_sizes import SQUARE

FRAME, CORNERS = draw(modules("0104012345678901" * 2, "24x24"), 8.0, 17.0, noise=3.0, frame=(1024, 1280))
HALF = np.empty((512, 640), np.uint8)
halve(FRAME, HALF)
BLOCKS, BLOCK_MARKS = np.empty((7, 66, 82), np.float32), np.empty((3, 66 * 82), np.int32)
PARTS, REGIONS = np.empty((512, 12)), np.empty((512, 8))
find_regions(HALF, 16.0, 12.0, 600.0, 10, BLOCKS, BLOCK_MARKS, PARTS, REGIONS)
BLOCK_ENERGY = BLOCKS[6].ravel()[: 64 * 80]
PLACES = np.empty(66 * 82, np.int32)
PLACE_COUNT = list_blocks(BLOCKS, 12.0, PLACES)
PART_COUNT = cut_blocks(BLOCKS, 12.0, list_blocks(BLOCKS, 12.0, BLOCK_MARKS[1]), 10, BLOCK_MARKS, PARTS)
PATCH = np.empty((288, 288), np.float32)
turn_upright(FRAME, 496.0, 368.0, 1.0, 0.0, 0.0, 1.0, PATCH)
STRIPS = np.empty((36, 288), np.float32)
strip_edges(PATCH, STRIPS)
EDGES = np.empty_like(STRIPS)
consistency(STRIPS, 3.0, EDGES)
RUNS = np.empty((2, 2, 288), np.float32)
straight_runs(EDGES, 0.72, 27, 0.42, RUNS)
LINES = np.empty((10, 7))
LINE_COUNT = pick_lines(STRIPS, EDGES, RUNS.copy(), 0.42, 10, 0.6, LINES)
QUAD = CORNERS[[0, 3, 2, 1]]
V, U = np.mgrid[0:25, 0:25] / 24.0
GRID = np.ascontiguousarray(CORNERS[1] + U[..., None] * (CORNERS[2] - CORNERS[1]) + V[..., None] * (CORNERS[0] - CORNERS[1]))
ACROSS, DOWN = np.empty((2, 24, 25), np.float32), np.empty((2, 25, 24), np.float32)
grid_edges(FRAME, GRID, 40.0, ACROSS, DOWN)
GRID_OUT, ACROSS_OUT, DOWN_OUT = np.empty_like(GRID), np.empty_like(ACROSS), np.empty_like(DOWN)
WORDS = np.zeros(60, np.uint8)
WORDS[::8] = 9

SHAPES = shapes_of(None)
CORNERS = np.ascontiguousarray(CORNERS)
WAVES, EVERY, PARTNERS = (
    np.empty((4, SHAPES.counts.size, 4)),
    np.ones(SHAPES.counts.size, np.bool_),
    np.empty(SHAPES.counts.size, np.bool_),
)
for side in (0, 1):
    side_waves(FRAME, CORNERS, side, SHAPES.counts, EVERY, SHAPES.table, WAVES)
FINDERS, SOLID_PAIRS = np.empty((5, 12)), np.empty((6, 7))
PLACE = np.array((496.0, 368.0, 1.0, 0.1, 1.0))

PICK_LINES_OUT = np.empty((10, 7))
PAIR_LINES_OUT = np.empty((400, 8))
QUAD_LINES_OUT = np.empty((12, 10))
EDGE_PROFILE_OUT = np.empty(300, np.float32)
COMB_SCORES_OUT = np.empty(300)
MATCH_CLOCKS_OUT = np.empty((1, 3))
PROJECTIVE_FIT_NORMAL = np.empty((10, 10))
PROJECTIVE_FIT_RIGHT = np.empty(10)
SAMPLE_MODULES_OUT = np.empty((26, 26), np.float32)
CORRECT_BLOCKS_CHANGED = np.zeros(1, np.int32)
DECODE_WORK = Workspace()
sample_modules(FRAME, GRID, 0.5, 3, SAMPLE_MODULES_OUT)
BITS, TRUE_BITS, CONFIDENCE = np.empty((24, 24), np.uint8), np.empty((24, 24), np.uint8), np.empty((24, 24), np.float32)
SIZE = SQUARE[7]
PLACE_24 = placement(SIZE)
WORDS_24, TOLD_24 = np.empty(60, np.uint8), np.empty(TOLD + 1, np.int32)
ALIKE_PATCH, ALIKE_OUT = np.empty((100, 100), np.float32), np.empty((4, 2))
ALIKE_RIGHT = (QUAD[1] - QUAD[0]) / 72.0
ALIKE_START = CORNERS.mean(axis=0) - 49.5 * ALIKE_RIGHT - 49.5 * np.array((-ALIKE_RIGHT[1], ALIKE_RIGHT[0]))
ALIKE_PLACE = np.array((*ALIKE_START, *ALIKE_RIGHT, 1.0))

ROWS: dict[str, Any] = {
    "halve": lambda: halve(FRAME, HALF),
    "find_regions": lambda: find_regions(HALF, 16.0, 12.0, 600.0, 10, BLOCKS, BLOCK_MARKS, PARTS, REGIONS),
    "block_gradients": lambda: block_gradients(HALF, BLOCKS),
    "smooth_blocks": lambda: smooth_blocks(BLOCKS, 1 / 32, BLOCK_ENERGY),
    "nth_smallest": lambda: nth_smallest(BLOCK_ENERGY, 1024, 0.0, 300.0),
    "list_blocks": lambda: list_blocks(BLOCKS, 12.0, BLOCK_MARKS[1]),
    "fourth_harmonic": lambda: fourth_harmonic(HALF, PLACES[:PLACE_COUNT], BLOCKS),
    "cut_blocks": lambda: cut_blocks(BLOCKS, 12.0, list_blocks(BLOCKS, 12.0, BLOCK_MARKS[1]), 10, BLOCK_MARKS, PARTS),
    "rank_parts": lambda: rank_parts(PARTS[:PART_COUNT], 16.0, REGIONS),
    "turn_upright": lambda: turn_upright(FRAME, 496.0, 368.0, 1.0, 0.1, -0.1, 1.0, PATCH),
    "strip_edges": lambda: strip_edges(PATCH, STRIPS),
    "strip_edges_down": lambda: strip_edges_down(PATCH, STRIPS),
    "side_waves": lambda: side_waves(FRAME, CORNERS, 0, SHAPES.counts, EVERY, SHAPES.table, WAVES),
    "partners": lambda: partners(CORNERS, 1.0, SHAPES.counts, SHAPES.places, WAVES, 0.25, PARTNERS),
    "rank_turns": lambda: rank_turns(CORNERS, 1.0, SHAPES.counts, SHAPES.places, WAVES, 0.25, 0.1, 0, FINDERS),
    "find_finders": lambda: find_finders(
        FRAME,
        FRAME,
        PLACE,
        PATCH,
        0.09,
        0.0,
        SHAPES.counts,
        SHAPES.table,
        SHAPES.places,
        0.25,
        0.1,
        0.6,
        12,
        0.0,
        0.0,
        FINDERS,
        SOLID_PAIRS,
    ),
    "consistency": lambda: consistency(STRIPS, 3.0, EDGES),
    "straight_runs": lambda: straight_runs(EDGES, 0.72, 27, 0.42, RUNS),
    "pick_lines": lambda: pick_lines(STRIPS, EDGES, RUNS.copy(), 0.42, 10, 0.6, PICK_LINES_OUT),
    "pair_lines": lambda: pair_lines(LINES, LINE_COUNT, LINES, LINE_COUNT, 14.0, 6.0, PAIR_LINES_OUT),
    "quad_lines": lambda: quad_lines(LINES, LINE_COUNT, LINES, LINE_COUNT, 14.0, 0.0, 0.0, 0.0, QUAD_LINES_OUT),
    "edge_profile": lambda: edge_profile(FRAME, 500.0, 400.0, 0.5, 0.1, -0.1, 0.5, 48, EDGE_PROFILE_OUT),
    "comb_scores": lambda: comb_scores(PATCH[0], 6.0, 3.6, 1.006, COMB_SCORES_OUT),
    "match_clocks": lambda: match_clocks(FRAME, QUAD[None], np.array([(24, 24)], np.int32), 1.0, 0.6, 2, 0.1, MATCH_CLOCKS_OUT),
    "grid_edges": lambda: grid_edges(FRAME, GRID, 40.0, ACROSS, DOWN),
    "find_alike": lambda: find_alike(FRAME, ALIKE_PLACE, ALIKE_PATCH, 72, 72, 1.0, ALIKE_OUT),
    "judge_modules": lambda: judge_modules(SAMPLE_MODULES_OUT, 0.0, BITS, CONFIDENCE),
    "finder_errors": lambda: finder_errors(BITS, PLACE_24.layout),
    "bend_grid": lambda: bend_grid(GRID, ACROSS, DOWN, np.zeros(10), GRID_OUT),
    "fit_quad": lambda: fit_quad(FRAME, QUAD.copy(), 4, GRID_OUT, ACROSS_OUT, DOWN_OUT, np.empty(10)),
    "sample_grid": lambda: sample_grid(FRAME, GRID, False, SAMPLE_MODULES_OUT),
    "sample_quad": lambda: sample_quad(FRAME, QUAD.copy(), 4, False, GRID_OUT, SAMPLE_MODULES_OUT),
    "pack_codewords": lambda: pack_codewords(BITS, PLACE_24.bit_module, WORDS_24),
    "place_codewords": lambda: place_codewords(WORDS_24, PLACE_24.bit_module, PLACE_24.layout, TRUE_BITS),
    "read_greys": lambda: read_greys(
        SAMPLE_MODULES_OUT, 0.0, PLACE_24.bit_module, PLACE_24.layout, 50, 1, 24, BITS, CONFIDENCE, TRUE_BITS, WORDS_24, TOLD_24
    ),
    "projective_fit": lambda: projective_fit(ACROSS, DOWN, 0.5, np.zeros(10), PROJECTIVE_FIT_NORMAL, PROJECTIVE_FIT_RIGHT),
    "sample_modules": lambda: sample_modules(FRAME, GRID, 0.5, 3, SAMPLE_MODULES_OUT),
    "correct_blocks": lambda: correct_blocks(WORDS.copy(), np.zeros(60, np.bool_), 1, 24, CORRECT_BLOCKS_CHANGED),
    "decode": lambda: decode(FRAME, Search(symbol_count=1), DECODE_WORK),
}


@pytest.mark.parametrize("name", ROWS)
def test_decode_kernel(name: str, benchmark: Any) -> None:
    benchmark(ROWS[name])
