"""Chunk values from where they lie: the same as through GenApi, and never from a payload that is laid out otherwise."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.cameras.camera_process import run_python, simulated
from vision.cameras.chunks import ChunkField, ChunkReader, Layout, field_of

IMAGE, FRAME_ID, ENCODER = 0xA1, 0xB2, 0xC3


def payload(order: str, *chunks: tuple[int, bytes]) -> bytes:
    return b"".join(content + struct.pack(order + "II", chunk_id, len(content)) for chunk_id, content in chunks)


class Described:
    """A GenApi node, as far as a description is read."""

    def __init__(self, name: str, *children: Described, **properties: str) -> None:
        self.name, self.children, self.value = name, list(children), 0
        self._properties = properties

    @property
    def node(self) -> Described:
        return self

    def get_property(self, name: str) -> list[str]:
        return [self._properties[name], ""]


def described(name: str, chunk_id: int, *, length: int = 8, address: str = "0x0", **changes: str) -> Described:
    port = Described("Port", NodeType="Port", ChunkID=f"{chunk_id:X}")
    register = {"NodeType": "IntReg", "pPort": "Port", "Length": str(length), "Address": address, "Endianess": "LittleEndian"}
    return Described(name, Described("Reg", port, **{**register, "Sign": "Signed", **changes}), pValue="Reg")


class Buffer:
    def __init__(self, content: bytes, tl_type: str = "GEV") -> None:
        self.raw_buffer, self.delivered_chunk_payload_size, self.tl_type = content, len(content), tl_type


def filled(frame_id: int, encoder: int, order: str = ">", image: int = 40) -> bytes:
    values = (FRAME_ID, struct.pack("<q", frame_id)), (ENCODER, b"??" + struct.pack(">I", encoder))
    return payload(order, (IMAGE, bytes(range(image))), *values)


class Camera:
    """Two chunk nodes over the buffer shown last; counts how often GenApi was asked."""

    def __init__(self) -> None:
        self.frame_id = described("F", FRAME_ID)
        self.encoder = described("E", ENCODER, length=4, address="2", Endianess="BigEndian", Sign="Unsigned")
        self.asked = 0
        self.told = (0, 0)
        self.reader = ChunkReader({"F": self.frame_id, "E": self.encoder}, self.attach)

    def attach(self, buffer: Any) -> None:
        self.asked += 1
        self.frame_id.value, self.encoder.value = self.told

    def read(self, buffer: Buffer, frame_id: int, encoder: int) -> dict[str, int]:
        self.told = frame_id, encoder
        return self.reader.read(buffer)


@pytest.mark.parametrize(("tl_type", "order"), [("GEV", ">"), ("U3V", "<")])
def test_after_the_first_frame_genapi_is_not_asked(tl_type: str, order: str) -> None:
    camera, rng = Camera(), random.Random(5)
    for _ in range(50):
        frame_id, encoder = rng.randrange(-(2**63), 2**63), rng.randrange(2**32)
        buffer = Buffer(filled(frame_id, encoder, order), tl_type)
        assert camera.read(buffer, frame_id, encoder) == {"F": frame_id, "E": encoder}
    assert camera.asked == 1


def test_a_payload_laid_out_otherwise_goes_through_genapi() -> None:
    camera = Camera()
    camera.read(Buffer(filled(1, 2)), 1, 2)
    larger = Buffer(filled(3, 4, image=48))
    assert camera.read(larger, 3, 4) == {"F": 3, "E": 4}
    stale = Buffer(filled(5, 6))
    stale.delivered_chunk_payload_size -= 20  # a shorter frame: what lies at the end is of the one before
    assert camera.read(stale, 7, 8) == {"F": 7, "E": 8}
    content = filled(9, 10)
    swapped = Buffer(content[:40] + payload(">", (IMAGE + 1, b"")) + content[48:])
    assert camera.read(swapped, 11, 12) == {"F": 11, "E": 12}
    assert camera.asked == 4


@pytest.mark.parametrize(("tl_type", "told"), [("CL", (1, 2)), ("GEV", (1, 3))])
def test_what_is_not_known_or_not_confirmed_stays_with_genapi(tl_type: str, told: tuple[int, int]) -> None:
    camera = Camera()
    for _ in range(3):
        assert camera.read(Buffer(filled(1, 2), tl_type), *told) == {"F": told[0], "E": told[1]}
    assert camera.asked == 3


def test_only_a_plain_register_of_a_chunk_is_read() -> None:
    assert field_of(described("F", FRAME_ID)) == ChunkField(FRAME_ID, 0, "<q")
    assert field_of(described("F", 0xFF, length=2, Sign="Unsigned", Endianess="BigEndian")) == ChunkField(0xFF, 0, ">H")
    for changes in ({"NodeType": "MaskedIntReg"}, {"Length": "3"}, {"Address": "Offset"}, {"pPort": "Other"}):
        assert field_of(described("F", FRAME_ID, **changes)) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(4))
def test_no_bytes_make_a_layout_of_something_else(seed: int) -> None:
    rng, fields = random.Random(seed), {"F": ChunkField(FRAME_ID, 0, "<q")}
    good = filled(77, 1)
    assert Layout(good, len(good), ">", fields).read(good) == {"F": 77}
    whole = len(payload(">", (IMAGE, bytes(40)), (FRAME_ID, bytes(8))))
    assert Layout(good, whole, ">", fields).read(good) == {"F": 77}
    for cut in {*range(len(good))} - {whole}:
        with pytest.raises(ValueError, match="payload"):
            Layout(good, cut, ">", fields)
    for _ in range(300):
        with pytest.raises(ValueError, match="payload"):
            Layout(rng.randbytes(60), 60, ">", fields)


def test_the_simulated_camera_is_read_so(tmp_path: Path) -> None:
    lines = run_python(
        """
camera = opened()
camera.start()
values = []
for _ in range(4):
    grab = until(camera, GrabStatus.FRAME)
    values.append([grab.frame_id, grab.encoder_count, grab.line_status])
reader = camera._reader._chunks
layout, reader._layout = reader._layout, None
grab = until(camera, GrabStatus.FRAME)
show(known=layout is not None, values=values, genapi=[grab.frame_id, grab.encoder_count, grab.line_status])
camera.close()
""",
        tmp_path,
        simulated(tmp_path),
    )
    (line,) = lines
    assert line["known"] and [row[0] for row in line["values"]] == [1, 2, 3, 4] and line["genapi"][0] == 5
    step = line["values"][1][1] - line["values"][0][1]
    assert abs(line["genapi"][1] - line["values"][3][1] - step) <= 1 and line["genapi"][2] == line["values"][3][2]
