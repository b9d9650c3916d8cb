"""All symbols of a frame, read or at least found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import chain

import numpy as np
import numpy.typing as npt

from kernels.quads import overlapping
from vision.decode.codewords import FINDER_LEAST, Corrected, correct, look_at
from vision.decode.encodation import EncodationError, Message, read_message
from vision.decode.equaliser import equalised
from vision.decode.finders import Candidate
from vision.decode.grid import fit_grid
from vision.decode.locate import candidates
from vision.decode.placement import placement
from vision.decode.reading_order import Found, in_reading_order
from vision.decode.regions import Taken, quads_of
from vision.decode.sample import Greys, module_greys
from vision.decode.search import Effort, Search, Workspace
from vision.decode.symbol_sizes import SymbolSize, size_of
from vision.decode.trials import Trials
from vision.decode.two_inks import two_inks
from vision.decode.uneven import fit_uneven
from vision.decode.views import ENLARGED_MOST, PATCH_EFFORT, Clean, View, plain, rescues
from vision.types import CodewordCounts, Failure, Modules, Pixels, Reading, Symbol

SHARPEN = (0.0, 0.12, 0.25)
"""Shares of the neighbours' greys taken out of a module, in the order tried."""

FINDER_HOPELESS = 6.0
"""Evidence of the finder, in bits, below which a candidate is dropped at once: sharpening does not make a finder of noise."""

EQUALISED_LEAST, EQUALISED_PRICE, EQUALISED_MOST = 30.0, 12, 6
"""Evidence of the finder, in bits, with which it may teach how neighbours mix, work units of learning it, and symbols of a view for
which it is tried at most, when all else has failed."""

EQUALISED_SURE, EQUALISED_UNITS = 44.0, 36
"""Evidence with which the likeliest finder teaches though the budget is used up, and work units that may come on top of it: for
learning and all tries of error correction. Of 96 symbols blurred by 0.6 modules 85 instead of 41 are read at an effort of 64; a
frame without a code has no such finder."""

AGAIN_PRICE = 2
"""Work units of each further try of error correction at a place: with it come sharpening, judging the modules anew and finding the
weakest codewords, 0.1 ms in all. The first try is part of the candidate's price and always made."""

CONVINCING = 30.0
"""Evidence of a finder, in bits, below which one that could not be read is not reported: 10x10 must be without a wrong module.
With 26 one of 395 pictures of other codes showed such a finder, once a picture had more than 1100 units."""

SIDE_WRONG = 0.1
"""Share of wrong modules on a side above which a finder that could not be read is not reported; half of it on the whole finder."""

STEPS = tuple(Failure)
"""Why nothing is read, in the order of how far a candidate came."""

REPEATED, CHANGING = 0.8, 0.2
"""Share of modules that are as the next but one, and share that are not as the next, above which both say: a lattice (a perforated
plate, a grille, a weave) whose every row looks like dashes. Data have 0.5 and 0.5, a smear 1 and 0."""

LARGE = 1_000_000
"""Pixels of a picture from which it is taken for a camera's frame."""

UNEVEN_MOST = 12
"""Four-sided shapes of a picture in which rows and columns of uneven pitch are sought: those that promise most."""

LAST_CHECK_BITS = 30.0
"""What the check codewords must give alone where the grid was made from the tracks, or the modules were told by what the finder
taught: there the finder says less than it counts, and a photograph that is not read costs up to 2**10 tries more."""


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """What became of a candidate: what was read, or why nothing was.

    doubt: its finder and its evidence, where convincing. finder_bits: the most evidence that its finder had at any sharpening.
    """

    found: Found | None = None
    failure: Failure = Failure.NO_GRID
    symbol: Symbol | None = None
    doubt: tuple[float, Found] | None = None
    finder_bits: float = 0.0


def decode(pixels: Pixels, search: Search, work: Workspace, trials: Trials | None = None) -> list[Found]:
    """All symbols of a frame in reading order, none twice; Reading None = finder found beyond doubt but not read.

    pixels: (height, width) uint8; any strides are taken, a copy is made where it is not C-contiguous.
    trials: takes what was tried and not read; it never changes what is found.
    Raises ValueError where it is not such an array.
    """
    if pixels.ndim != 2 or pixels.dtype != np.uint8:
        raise ValueError(f"a frame is (height, width) uint8, not {pixels.shape} {pixels.dtype}")
    if min(pixels.shape) < 8:
        return []
    picture = np.ascontiguousarray(pixels)
    first = plain(picture)
    trials = Trials() if trials is None else trials
    found = _searched(first, search, work, [], trials)
    if search.rescues:
        clean = Clean(first.pixels)  # the picture itself wherever rescues() looks for shapes: a small one is not squared
        views = rescues(picture, clean, work)  # each is made when it is asked for
        while not _enough(found, search, picture.size) and (view := next(views, None)) is not None:
            read = quads_of([symbol.corners for symbol, _, reading in found if reading])
            if view.place is not None and overlapping(quads_of([view.place]), read):
                continue
            found = _searched(view, search, work, found, trials)
        if not _enough(found, search, picture.size) and picture.size <= ENLARGED_MOST:
            found = _unevenly(first, clean, found, search, work, trials)
    if search.second_opinion_ms > 0 and _read_count(found) < (search.symbol_count or 1):
        found = _asked(first, found, search, work, trials)
    return in_reading_order(found)


def _enough(found: list[Found], search: Search, pixel_count: int) -> bool:
    """Whether no other view is worth its time.

    All that is expected was read; or, where nobody knows how many, the one symbol found in a large frame was. Other views are for
    small and cut pictures, and took 200 ms of such a frame for nothing; where several were read there may be more.
    """
    if search.symbol_count is not None:
        return _read_count(found) >= search.symbol_count
    return pixel_count >= LARGE and len(found) == 1 == _read_count(found)


def _read_count(found: list[Found]) -> int:
    return sum(reading is not None for _, _, reading in found)


def _searched(view: View, search: Search, work: Workspace, known: list[Found], trials: Trials) -> list[Found]:
    """What is known of a picture and what else is read in one of its views; what was read there stands for what was only found."""
    read = [entry for entry in known if entry[2] is not None]
    if read and search.symbol_count is not None:
        search = replace(search, symbol_count=search.symbol_count - len(read))
    if view.effort is not None:
        search = replace(search, effort=min(search.effort, view.effort))
    new: list[Found] = []
    taken = [view.of_picture(symbol.corners) for symbol, _, _ in read]
    for symbol, modules, reading in _decode_view(view, search, work, taken, trials):
        if view.name and reading is None:
            continue
        entry = view.in_picture(symbol), modules, replace(reading, rescue=view.name) if reading and view.name else reading
        if not _twice(entry[0], read):
            new.append(entry)
    read += new
    return read + [entry for entry in known if entry[2] is None and not _twice(entry[0], read)]


def _decode_view(view: View, search: Search, work: Workspace, taken: list[npt.NDArray[np.float64]], trials: Trials) -> list[Found]:
    """All symbols of a view but those already taken (their corners there), those that were read first."""
    frame, effort = view.pixels, Effort(search.units)
    rim = view.margin if view.name else 0
    read: list[Found] = []
    own: list[npt.NDArray[np.float64]] = []
    places = Taken(own)
    unread: list[tuple[float, Found]] = []
    hard: list[tuple[float, Symbol]] = []
    for candidate in candidates(frame, search, work, effort, taken, rim, trials.looking(view)):
        attempt = _attempt(frame, candidate, effort, not view.name)
        result = attempt.found
        if result is None:
            trials.failed.append((view, candidate, attempt.symbol, attempt.failure))
            if attempt.doubt is not None and not effort.last:
                unread.append(attempt.doubt)
            if attempt.symbol is not None and attempt.finder_bits >= EQUALISED_LEAST and not effort.last:
                hard.append((attempt.finder_bits, attempt.symbol))
        else:
            corners = result[0].corners
            if not overlapping(quads_of([corners]), places.quads):
                read.append(result)
                own.append(corners)
            taken.append(corners)
            if search.symbol_count is not None and len(read) >= search.symbol_count:
                unread.clear()  # all that is expected is there: what else looks like a finder is text
                if len(read) > search.symbol_count or not search.extra_effort:
                    break
                effort.limit(search.extra_effort)
    left = Effort(search.units) if search.rescues else effort
    hard.sort(key=lambda entry: -entry[0])
    for evidence, symbol in hard[:EQUALISED_MOST]:
        if search.symbol_count is not None and len(read) >= search.symbol_count:
            break
        if _twice(symbol, read):
            continue
        if left.left <= 0 and evidence >= EQUALISED_SURE and symbol is hard[0][1]:
            left = Effort(EQUALISED_UNITS)
        if left.spend(EQUALISED_PRICE):
            found = _equalised(frame, symbol, left)
            read += [found] if found is not None else []
    for _, doubtful in sorted(unread, key=lambda entry: -entry[0]):
        if not _twice(doubtful[0], read):
            read.append(doubtful)
    return read


def _unevenly(view: View, clean: Clean, found: list[Found], search: Search, work: Workspace, trials: Trials) -> list[Found]:
    """The findings and what is read where pitch or sides are uneven: the grid made from the finder's own sides and tracks.

    clean: of the view.
    """
    read = [entry for entry in found if entry[2] is not None]
    picture = clean.pixels
    for quad in clean.shapes[:UNEVEN_MOST]:
        if overlapping(quads_of([view.to_picture(quad)]), quads_of([symbol.corners for symbol, _, _ in read])):
            continue
        symbol = fit_uneven(picture, quad, search.polarity, work)
        if symbol is None:
            continue
        rows, columns = symbol.rows, symbol.columns
        if search.sizes is not None and (rows, columns) not in search.sizes and (columns, rows) not in search.sizes:
            continue
        attempt = _read_on(symbol, module_greys(picture, symbol), Effort(PATCH_EFFORT), False)
        reading = attempt.found[2] if attempt.found else None
        if attempt.found is None or reading is None or reading.evidence_bits < LAST_CHECK_BITS:
            failure = Failure.NOT_SURE if attempt.found else attempt.failure
            trials.failed.append((view, Candidate(quad, columns, rows, symbol.inverted, 0.0), symbol, failure))
            continue
        read.append((view.in_picture(attempt.found[0]), attempt.found[1], replace(reading, rescue="uneven")))
        if search.symbol_count is not None and len(read) >= search.symbol_count:
            break
    return read + [entry for entry in found if entry[2] is None and not _twice(entry[0], read)]


def _asked(view: View, found: list[Found], search: Search, work: Workspace, trials: Trials) -> list[Found]:
    """The findings with what libdmtx can add: places where our own sampling then passes error correction."""
    read = [entry for entry in found if entry[2] is not None]
    for hint in work.second_opinion.ask(view.pixels, search.symbol_count or 1, search.second_opinion_ms):
        for inverted in (False, True):
            if search.polarity == ("dark" if inverted else "light"):
                continue
            candidate = Candidate(hint.quad, hint.columns, hint.rows, inverted, 0.0)
            attempt = _attempt(view.pixels, candidate, Effort(search.units), False)
            result = attempt.found
            if result is None:
                trials.failed.append((view, candidate, attempt.symbol, attempt.failure))
                continue
            symbol, modules, reading = view.in_picture(result[0]), result[1], result[2]
            if not _twice(symbol, read):
                read.append((symbol, modules, replace(reading, rescue="libdmtx") if reading else None))
                break
    return read + [entry for entry in found if entry[2] is None and not _twice(entry[0], read)]


def _attempt(picture: Pixels, candidate: Candidate, effort: Effort, first: bool) -> Attempt:
    """Tries to read a candidate; first: in the picture as it is, by our own search."""
    fitted = fit_grid(picture, candidate)
    return Attempt() if fitted is None else _read_on(*fitted, effort, first)


def _read_on(symbol: Symbol, greys: Greys, effort: Effort, first: bool) -> Attempt:
    """Tries to read the modules of a symbol's grid, as un-mirrored and as mirrored; greys: as of `module_greys`."""
    doubt, failure, most = None, Failure.NO_FINDER, 0.0
    for sharpen in SHARPEN:
        # As it is, and mirrored: rows and columns exchanged, which is made only where it comes to it.
        for mirrored, size in _turns(symbol):
            modules, evidence, straight = look_at(_turned(greys) if mirrored else greys, sharpen, size)
            most = max(most, evidence)
            if sharpen == SHARPEN[0] and evidence < FINDER_HOPELESS:
                return Attempt(None, failure, symbol)
            if evidence < FINDER_LEAST:
                continue
            reading = _read(modules, straight, effort, sharpen == SHARPEN[0], first)
            view = _mirror(symbol) if mirrored else symbol
            if isinstance(reading, Reading):
                return Attempt((view, modules, reading))
            if sharpen == SHARPEN[0] and doubt is None:
                doubt = _convincing(view, modules, size, evidence)
            failure = max(failure, reading, key=STEPS.index)
    return Attempt(None, failure, symbol, doubt, most)


def _equalised(picture: Pixels, symbol: Symbol, effort: Effort) -> Found | None:
    """The symbol of a grid, as un-mirrored, read once its data are told from its finder's ink, or its finder has taught how
    neighbouring modules mix.
    """
    greys = module_greys(picture, symbol)
    for mirrored, size in _turns(symbol):
        view_greys = _turned(greys) if mirrored else greys
        paler = two_inks(view_greys, size)
        tries = chain(
            [("two inks", paler)] if paler is not None else [], (("equalised", learnt) for learnt in equalised(view_greys, size))
        )
        for rescue, modules in tries:
            reading = _read(modules, correct(modules), effort, False, False)
            if isinstance(reading, Reading) and reading.evidence_bits >= LAST_CHECK_BITS:
                return _mirror(symbol) if mirrored else symbol, modules, replace(reading, rescue=rescue)
    return None


def _turns(symbol: Symbol) -> list[tuple[bool, SymbolSize]]:
    """Whether a symbol is taken as mirrored, with its size then: as it is first, and what is no size left out."""
    sizes = size_of(symbol.rows, symbol.columns), size_of(symbol.columns, symbol.rows)
    return [(mirrored, size) for mirrored, size in zip((False, True), sizes, strict=True) if size is not None]


def _turned(greys: Greys) -> Greys:
    """The greys of a symbol's modules when it is taken as mirrored."""
    return np.ascontiguousarray(greys[::-1, ::-1].T)


def _mirror(symbol: Symbol) -> Symbol:
    """The symbol taken as mirrored: rows and columns exchanged about the corner of the L."""
    grid = symbol.grid[::-1, ::-1].transpose(1, 0, 2)
    return Symbol(np.ascontiguousarray(grid), inverted=symbol.inverted, mirrored=True)


@cache
def _tries(size: SymbolSize) -> tuple[tuple[int, bool], ...]:
    """Erasures per block and the order of 144x144, as of `correct`, that are tried on a symbol; plain first."""
    plain = [(0, False), (0, True)] if size.rows == 144 else [(0, False)]
    return (*plain, *((share, False) for share in (size.check_per_block // 4, size.check_per_block // 2) if share > 1))


def _read(modules: Modules, straight: Corrected | None, effort: Effort, plain_greys: bool, first: bool) -> Reading | Failure:
    """Error correction and message of sampled modules; plain first, then with the weakest codewords erased.

    straight: what `correct` makes of them without erasures. plain_greys: the greys were not sharpened. first: the place is looked
    at for the first time.
    """
    size = size_of(*modules.bits.shape)
    if size is None:
        return Failure.NO_FINDER
    failure = Failure.TOO_MANY_ERRORS
    for erasures, unskewed_144 in _tries(size):
        first_try = plain_greys and not erasures
        if not first_try and not effort.spend(AGAIN_PRICE):
            break
        corrected = correct(modules, erasures, unskewed_144) if erasures or unskewed_144 else straight
        if corrected is None:
            continue
        if not corrected.sure(first and first_try):
            failure = max(failure, Failure.NOT_SURE, key=STEPS.index)
            continue
        try:
            return reading_of(corrected, read_message(corrected.data))
        except EncodationError:
            failure = Failure.NO_MESSAGE
    return failure


def reading_of(corrected: Corrected, message: Message) -> Reading:
    """The record of a corrected symbol and its message."""
    size = corrected.size
    counts = CodewordCounts(size.total, size.data, size.check, sum(corrected.changed), corrected.erasures)
    return Reading(
        payload=message.payload,
        symbology_identifier=message.symbology_identifier,
        bits=corrected.bits,
        codewords=counts,
        corrected_per_block=corrected.changed,
        check_per_block=(size.check_per_block,) * size.blocks,
        eci=message.eci,
        structured_append=message.structured_append,
        reader_programming=message.reader_programming,
        macro=message.macro,
        evidence_bits=corrected.check_bits,
    )


def _convincing(symbol: Symbol, modules: Modules, size: SymbolSize, evidence: float) -> tuple[float, Found] | None:
    """A finder found but not read, where its solid and its dashed sides are there beyond doubt; evidence: of it, in bits."""
    if evidence < CONVINCING:
        return None
    place = placement(size)
    wrong = modules.bits != place.pattern
    # Each of the four sides must be there: two good ones carry a texture over any limit on the sum.
    sides = (wrong[:, 0], wrong[-1], wrong[0], wrong[:, -1])
    if max(float(side.mean()) for side in sides) > SIDE_WRONG or wrong[place.finder].mean() > SIDE_WRONG / 2:
        return None
    inner = modules.bits[1:-1, 1:-1]
    again = max(float((inner[2:] == inner[:-2]).mean()), float((inner[:, 2:] == inner[:, :-2]).mean()))
    change = min(float((inner[1:] != inner[:-1]).mean()), float((inner[:, 1:] != inner[:, :-1]).mean()))
    if again > REPEATED and change > CHANGING:
        return None
    return evidence, (symbol, modules, None)


def _twice(symbol: Symbol, found: list[Found]) -> bool:
    """Whether a symbol lies on one already found: the centre of either inside the other."""
    return bool(found) and bool(overlapping(quads_of([symbol.corners]), quads_of([other.corners for other, _, _ in found])))
