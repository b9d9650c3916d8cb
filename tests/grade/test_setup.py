"""A grading set-up is checked when it is made, and prints the formal grade."""

from typing import Any

import pytest

from vision.grade.setup import MM_PER_MIL, Setup, parse_aperture


@pytest.mark.parametrize(
    ("text", "expected"), [("80%", (80.0, "%")), (" 62.5 % ", (62.5, "%")), ("8mil", (8.0, "mil")), ("10 MIL", (10.0, "mil"))]
)
def test_aperture_text(text: str, expected: tuple[float, str]) -> None:
    assert parse_aperture(text) == expected


@pytest.mark.parametrize("text", ["", "80", "%", "mil", "-8mil", "8 mm", "80%%", "nan%", "1e1mil"])
def test_wrong_aperture_text_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="aperture") as refused:
        parse_aperture(text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"standard": "15416"}, "15416"),
        ({"edition": "2012"}, "2012"),
        ({"aperture": "5%"}, "aperture"),
        ({"aperture": 3.0}, "aperture"),
        ({"aperture": float("nan")}, "aperture"),
        ({"aperture": "8mil"}, "mm_per_px"),
        ({"aperture": "500mil", "mm_per_px": 0.05}, "aperture"),
        ({"mm_per_px": 0.0}, "mm_per_px"),
        ({"mm_per_px": float("nan")}, "mm_per_px"),
        ({"mm_per_px": -0.1}, "mm_per_px"),
        ({"white": 10.0, "black": 10.0}, "white"),
        ({"white": float("inf")}, "white"),
        ({"wavelength_nm": 0}, "wavelength_nm"),
        ({"angle_deg": 91}, "angle_deg"),
    ],
)
def test_each_wrong_field_is_named_in_one_line(fields: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word) as refused:
        Setup(**fields)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("module_mil", "printed"), [(14.2, "11"), (19.7, "16"), (20.9, "17")])
def test_aperture_in_thousandths_of_an_inch(module_mil: float, printed: str) -> None:
    setup = Setup(mm_per_px=0.05)
    assert setup.aperture_name(module_mil * MM_PER_MIL / 0.05) == printed


@pytest.mark.parametrize(
    ("setup", "formal"),
    [
        (Setup(), "4.0/80%/660"),
        (Setup(aperture=0.5, wavelength_nm=850), "4.0/50%/850"),
        (Setup(aperture="8mil", mm_per_px=0.05), "4.0/08/660"),
        (Setup(mm_per_px=0.05, angle_deg=30), "4.0/13/660/30"),
    ],
)
def test_formal_grade(setup: Setup, formal: str) -> None:
    assert setup.formal(4.0, 8.0) == formal


def test_aperture_in_pixels() -> None:
    assert Setup().aperture_px(10.0) == pytest.approx(8.0)
    assert Setup(aperture="8mil", mm_per_px=0.0254).aperture_px(10.0) == pytest.approx(8.0)


def test_only_white_and_black_or_a_card_end_the_warning() -> None:
    assert Setup().uncalibrated
    assert not Setup(white=240.0).uncalibrated
    assert not Setup(calibrated=True).uncalibrated
