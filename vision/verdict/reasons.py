"""Each reason in one line of plain words for the operator."""

from __future__ import annotations

from vision.types import Reason

WORDS: dict[Reason, str] = {
    Reason.NO_SLOT: "No memory was free for the frame: the line runs faster than it can inspect.",
    Reason.INCOMPLETE_FRAME: "The camera sent a frame with parts missing.",
    Reason.MISSED_FRAME: "The trigger came, but no frame arrived for it.",
    Reason.CAMERA_LOST: "The camera was gone when the pack passed.",
    Reason.INSPECTOR_LOST: "The process that looked at the frame died.",
    Reason.MISSED_DEADLINE: "The inspection was not done in time.",
    Reason.LINE_LOST: "The line stopped before the pack was decided.",
    Reason.NO_SYMBOL: "No Data Matrix code was found on the pack.",
    Reason.NOT_DECODED: "A code was found but cannot be read.",
    Reason.WRONG_SYMBOL_COUNT: "There are more or fewer codes than ordered.",
    Reason.NOT_GS1: "The code is a plain Data Matrix, not the GS1 code that was ordered.",
    Reason.BAD_SYNTAX: "The content breaks the rules of its scheme (characters, lengths, dates or combinations).",
    Reason.BAD_CHECK_DIGIT: "A check digit in the code is wrong.",
    Reason.MISSING_ELEMENT: "Something that must be in the code is not (product, lot, expiry, serial or national number).",
    Reason.WRONG_PRODUCT: "The product code is not the one ordered.",
    Reason.WRONG_LOT: "The lot is not the one ordered.",
    Reason.WRONG_EXPIRY: "The expiry date is not the one ordered.",
    Reason.WRONG_NATIONAL_NUMBER: "The national number is not the one ordered.",
    Reason.UNKNOWN_SERIAL: "The serial does not belong to the order.",
    Reason.BLOCKED_SERIAL: "The serial is blocked.",
    Reason.DUPLICATE_SERIAL: "The serial was already used.",
    Reason.LOW_GRADE: "The print quality is below the limit.",
    Reason.NOT_RECORDED: "The result could not be written to disk in time.",
}
