"""From findings to a verdict: every reason that holds, the first one first. Anything not proved good is a reason."""

from __future__ import annotations

from collections.abc import Sequence

from vision.content.compare import by_precedence
from vision.types import Finding, Reason, Verdict
from vision.verdict.recipe import Recipe


def judge(findings: Sequence[Finding], recipe: Recipe) -> Verdict:
    """What becomes of the pack (or tray) whose frame gave these findings, as far as one frame can tell.

    Whether a serial was seen on an earlier pack, or is blocked, is decided later by the line (vision.content.serials).
    """
    if not findings:
        return Verdict((Reason.NO_SYMBOL,))
    reasons: set[Reason] = set()
    if recipe.symbols_per_frame is not None and len(findings) != recipe.symbols_per_frame:
        reasons.add(Reason.WRONG_SYMBOL_COUNT)
    serials: set[tuple[str | None, str]] = set()
    for finding in findings:
        content = finding.content
        if finding.reading is None or content is None:
            reasons.add(Reason.NOT_DECODED)
            continue
        reasons.update(content.reasons)
        if content.serial is not None:
            serial = (content.elements.get("01") or content.elements.get("9N"), content.serial)
            if serial in serials:
                reasons.add(Reason.DUPLICATE_SERIAL)
            serials.add(serial)
        if not recipe.decode_only and not _grade_holds(finding, recipe.grade_min):
            reasons.add(Reason.LOW_GRADE)
    return Verdict(by_precedence(reasons))


def _grade_holds(finding: Finding, grade_min: float) -> bool:
    """Compares the grade as it is printed in the report (one decimal): a printed 1.5 passes a limit of 1.5.

    A missing report or a grade that is not a number does not hold.
    """
    return finding.report is not None and float(f"{finding.report.overall:.1f}") >= grade_min
