"""`vision calibrate`: from the image of a conformance card to a calibration beside the camera profile."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vision.config.calibration import Card
    from vision.grade.calibration import Calibration, Patch
    from vision.types import Pixels


def calibrate(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="image of the card, taken with the camera's profile")],
    profile: Annotated[str, typer.Option(metavar="NAME|PATH", help="camera profile that the image was taken with")],
    card: Annotated[Path | None, typer.Option(metavar="CARD.toml", help="places and reflectances of the card's patches")] = None,
    patch: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y,W,H=R", help="a patch: left, top, width, height in px, reflectance 0 to 1; repeat"),
    ] = None,
    flat: Annotated[
        list[Path] | None,
        typer.Option(metavar="IMAGE", help="image of a plain light target that fills the frame; repeat to average"),
    ] = None,
    valid_days: Annotated[int, typer.Option(min=1, max=3650, help="days until the calibration expires")] = 365,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="where to write it; default: beside the profile, PROFILE.calibration.toml"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON line on stdout")] = False,
) -> int:
    """Measures grey against reflectance on a card. The calibration is written beside the camera profile, with its hash.

    Example: vision calibrate card.png --profile line1 --patch 100,200,60,60=0.86 --patch 300,200,60,60=0.04 --flat plain.png
    """
    from vision.cameras.profile import find_profile, load_profile
    from vision.config import ConfigError
    from vision.config.calibration import ENDING, load_card, save_calibration
    from vision.grade.calibration import CalibrationError
    from vision.grade.calibration import calibrate as measure
    from vision.version import VERSION

    if (card is None) == (not patch):
        raise ConfigError("--card, --patch: expected either a card description or two or more patches")
    described = load_card(card) if card is not None else None
    patches = described.patches if described is not None else tuple(_patch(text) for text in patch or ())
    place = find_profile(profile)
    settings = load_profile(place)
    pixels, plain = _image(image), [_image(path) for path in flat or ()]
    if pixels.shape != (settings.height, settings.width):
        size = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise ConfigError(f"{image}: is {size}, the profile {place} takes {settings.width}x{settings.height}")
    target = out or place.with_name(place.stem + ENDING)
    if not target.name.endswith(".toml") or not target.parent.is_dir():
        raise ConfigError(f"--out {target}: expected a file that ends in .toml, in a folder that is there")
    try:
        made = measure(pixels, patches, plain)
    except CalibrationError as error:
        raise ConfigError(f"{card or image}: {error}") from None
    about: dict[str, str | float] = {"image": image.name, "image_sha256": _digest(image), "software": VERSION}
    if card is not None and described is not None:
        about |= {"card": described.name, "card_sha256": _digest(card)}
    days = _days(described, valid_days, card)
    digest = save_calibration(target, made, about, place, days)
    if as_json:
        print(json.dumps(_as_dict(target, digest, made, days)))
    else:
        _print(target, digest, made, days)
    return 0


def _image(path: Path) -> Pixels:
    """An image whose greys can be trusted; ConfigError for one that was compressed with loss."""
    from vision.cameras.image_file import read_image
    from vision.config import ConfigError

    pixels, lossy = read_image(path)
    if lossy:
        raise ConfigError(f"{path}: was compressed with loss, expected every grey as the camera gave it (PNG, TIFF, BMP, PGM)")
    return pixels


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


_PATCH = re.compile(r"\s*(\d{1,6}),(\d{1,6}),(\d{1,6}),(\d{1,6})\s*=\s*(\d*\.?\d+)\s*")


def _patch(text: str) -> Patch:
    from vision.config import ConfigError
    from vision.grade.calibration import Patch

    match = _PATCH.fullmatch(text)
    if match is None:
        raise ConfigError(f"--patch {text}: expected X,Y,WIDTH,HEIGHT=REFLECTANCE like 100,200,60,60=0.86")
    x, y, width, height = (int(number) for number in match.groups()[:4])
    return Patch(x, y, width, height, float(match[5]))


def _days(card: Card | None, valid_days: int, path: Path | None) -> int:
    """Days until the calibration expires: never after the card's own certificate."""
    from datetime import UTC, datetime

    from vision.config import ConfigError

    if card is None or card.expires is None:
        return valid_days
    left = (card.expires - datetime.now(UTC).date()).days
    if left < 0:
        raise ConfigError(f"{path}: [card] expires: {card.expires}, expected a card whose certificate still holds")
    return min(valid_days, left)


def _as_dict(path: Path, digest: str, made: Calibration, days: int) -> dict[str, object]:
    return {
        "file": str(path),
        "sha256": digest,
        "white": made.white,
        "black": made.black,
        "linearity": made.linearity,
        "valid_days": days,
        "flat_field_sha256": None if made.flat_field is None else made.flat_field.sha256,
        "patches": [
            {"reflectance": m.patch.reflectance, "grey": m.grey, "noise": m.noise, "error": m.error} for m in made.patches
        ],
    }  # fmt: skip


def _print(path: Path, digest: str, made: Calibration, days: int) -> None:
    print(f"{'patch':>5} {'reflectance':>12} {'grey':>8} {'noise':>7} {'off the line':>13}")
    for number, one in enumerate(made.patches, start=1):
        print(f"{number:>5} {one.patch.reflectance:>12.1%} {one.grey:>8.2f} {one.noise:>7.2f} {one.error:>+13.2%}")
    print(f"100 % reflectance is grey {made.white:.2f}, 0 % (offset) is grey {made.black:.2f}; linearity {made.linearity:.2%}")
    if made.flat_field is not None:
        gains = made.flat_field.gains / 16384.0
        print(f"flat field: gains from {gains.min():.3f} to {gains.max():.3f}")
    print(f"written to {path}, valid for {days} days\nsha256 {digest}")
