"""Image files: what is taken gives the greys that were written; what is not is refused in one line, whole or not at all."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from vision.cameras.image_file import ImageFileError, is_lossy, mono8_of, read_image, read_mono8

GREY = np.random.default_rng(5).integers(0, 256, (60, 90), np.uint8)
COLOUR = np.random.default_rng(6).integers(0, 256, (60, 90, 3), np.uint8)


def encoded(ending: str, pixels: npt.NDArray[np.generic], *options: int) -> bytes:
    ok, data = cv2.imencode(ending, pixels, list(options))
    assert ok
    return bytes(data)


@pytest.mark.parametrize("ending", [".png", ".bmp", ".pgm", ".tif"])
def test_every_grey_of_a_lossless_file_is_kept(ending: str, tmp_path: Path) -> None:
    (tmp_path / f"a{ending}").write_bytes(encoded(ending, GREY))
    pixels, lossy = read_image(tmp_path / f"a{ending}")
    assert np.array_equal(pixels, GREY) and not lossy
    with pytest.raises(ValueError, match="read-only"):
        pixels[0, 0] = 1


def test_lossless_webp_is_not_flagged_and_lossy_files_are() -> None:
    assert not is_lossy(encoded(".webp", COLOUR, cv2.IMWRITE_WEBP_QUALITY, 101))
    assert is_lossy(encoded(".webp", COLOUR, cv2.IMWRITE_WEBP_QUALITY, 80))
    assert is_lossy(encoded(".jpg", GREY))
    assert is_lossy(b"something that is not known to keep every grey")


def test_colour_and_opaque_alpha_become_grey() -> None:
    wanted = COLOUR.astype(np.float64) @ (0.114, 0.587, 0.299)
    opaque = np.dstack((COLOUR, np.full(COLOUR.shape[:2], 255, np.uint8)))
    for pixels in (COLOUR, opaque):
        assert np.abs(mono8_of(encoded(".png", pixels), "a") - wanted).max() <= 1.0


def pages(count: int, tmp_path: Path) -> bytes:
    cv2.imwritemulti(str(tmp_path / "pages.tif"), [GREY] * count)
    return (tmp_path / "pages.tif").read_bytes()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def bomb(width: int, height: int) -> bytes:
    """A PNG of some hundred bytes that says it is huge."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\x00" * 1000)) + chunk(b"IEND", b"")


def gif(count: int) -> bytes:
    """A GIF of so many pictures of one pixel."""
    picture = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    delay = b"\x21\xf9\x04\x00\x0a\x00\x00\x00"
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\x00\x00\x00\xff\xff\xff" + (delay + picture) * count + b"\x3b"


PNG = encoded(".png", GREY)
TORN_INSIDE = bytes(byte ^ (255 if at == len(PNG) // 2 else 0) for at, byte in enumerate(PNG))
BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty, expected an image"),
    "text": (b"no image at all", "is not an image that can be read"),
    "cut PNG": (PNG[: len(PNG) // 2], "damaged or cut off PNG"),
    "PNG without its end": (PNG[:-12], "damaged or cut off PNG"),
    "PNG with a wrong byte": (TORN_INSIDE, "damaged or cut off PNG"),
    "cut JPEG": (encoded(".jpg", GREY)[:-200], "cut off JPEG"),
    "cut TIFF": (encoded(".tif", GREY)[:900], "is not an image that can be read"),
    "16 bits": (encoded(".png", GREY.astype(np.uint16) * 257), "has 16 bits per pixel and colour, expected 8"),
    "floats": (encoded(".tif", GREY.astype(np.float32)), "has 32 bits per pixel and colour, expected 8"),
    "transparent": (encoded(".png", np.dstack((COLOUR, GREY))), "is partly transparent, expected a whole image"),
    "huge": (bomb(60_000, 60_000), "is 60000x60000, 3600 megapixels, expected 256 megapixels at most"),
    "animated PNG": (PNG[:33] + chunk(b"acTL", struct.pack(">II", 7, 0)) + PNG[33:], "holds 7 pictures, expected one"),
    "animated GIF": (gif(3), "holds 3 pictures, expected one"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_image_of_ours_is_one_line(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data, words = BAD[name]
    path = tmp_path / "bad image.png"
    path.write_bytes(data)
    with pytest.raises(ImageFileError) as caught:
        read_mono8(path)
    assert words in str(caught.value) and str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", ""), "nobody else may write on the terminal"


def test_one_page_is_taken_and_several_are_not(tmp_path: Path) -> None:
    assert np.array_equal(mono8_of(pages(1, tmp_path), "a"), GREY)
    with pytest.raises(ImageFileError, match="holds 4 pictures, expected one"):
        mono8_of(pages(4, tmp_path), "a")
    assert mono8_of(gif(1), "a").shape == (1, 1)


def test_a_folder_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ImageFileError, match="is a folder, expected an image"):
        read_mono8(tmp_path)
    with pytest.raises(ImageFileError, match="no such file"):
        read_mono8(tmp_path / "absent.png")
