"""From findings to a verdict: every reason that holds, the first one first. Anything not proved good is a reason."""

from __future__ import annotations

from collections.abc import Sequence

from vision.content.compare import by_precedence
from vision.types import Finding, Place, Reason, Verdict
from vision.verdict.recipe import Recipe


def judge(findings: Sequence[Finding], recipe: Recipe) -> Verdict:
    """What becomes of the pack (or tray) whose frame gave these findings, as far as one frame can tell.

    A tray passes as a whole: when every place has its symbol and nothing is wrong with any. Whether a serial was seen on an earlier
    pack, or is blocked, is decided later by the line (vision.content.serials).
    """
    own = [_reasons_of(finding, recipe) for finding in findings]
    for index in _doubled(findings):
        own[index].add(Reason.DUPLICATE_SERIAL)
    reasons: set[Reason] = set().union(*own)
    if not findings:
        reasons.add(Reason.NO_SYMBOL)
    elif recipe.symbols_per_frame is not None and len(findings) != recipe.symbols_per_frame:
        reasons.add(Reason.WRONG_SYMBOL_COUNT)
    if recipe.layout is None:
        return Verdict(by_precedence(reasons))
    taken = recipe.layout.assign([_centre(finding) for finding in findings])
    standing = {place: index for index, place in enumerate(taken) if place is not None}
    places = []
    for place in range(len(recipe.layout.places)):
        at = standing.get(place)
        places.append(Place(place + 1, at, by_precedence({Reason.NO_SYMBOL} if at is None else own[at])))
    if None in taken:
        reasons.add(Reason.WRONG_SYMBOL_COUNT)  # one stands where none belongs, or its place cannot be told
    for one in places:
        reasons.update(one.reasons)
    return Verdict(by_precedence(reasons), tuple(places))


def _reasons_of(finding: Finding, recipe: Recipe) -> set[Reason]:
    """What is wrong with one symbol by itself."""
    content = finding.content
    if finding.reading is None or content is None:
        return {Reason.NOT_DECODED}
    reasons = set(content.reasons)
    if not recipe.decode_only and not _grade_holds(finding, recipe.grade_min):
        reasons.add(Reason.LOW_GRADE)
    return reasons


def _doubled(findings: Sequence[Finding]) -> set[int]:
    """The indices of findings that share product and serial with another one of the frame."""
    bearers: dict[tuple[str | None, str], list[int]] = {}
    for index, finding in enumerate(findings):
        content = finding.content
        if finding.reading is not None and content is not None and content.serial is not None:
            product = content.elements.get("01") or content.elements.get("9N")
            bearers.setdefault((product, content.serial), []).append(index)
    return {index for indices in bearers.values() if len(indices) > 1 for index in indices}


def _centre(finding: Finding) -> tuple[float, float]:
    """x, y in pixels of the middle of a symbol."""
    x, y = finding.symbol.corners.mean(axis=0)
    return float(x), float(y)


def _grade_holds(finding: Finding, grade_min: float) -> bool:
    """Compares the grade as it is printed in the report (one decimal): a printed 1.5 passes a limit of 1.5.

    A missing report or a grade that is not a number does not hold.
    """
    return finding.report is not None and float(f"{finding.report.overall:.1f}") >= grade_min
