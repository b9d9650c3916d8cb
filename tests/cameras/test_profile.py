"""Profiles: read without a camera, in the order that is safe, each mistake in one line that names file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from vision.cameras.camera import CameraError
from vision.cameras.profile import Profile, Readback, Value, apply_profile, differences, find_profile, load_profile

SIZE = "[format]\nWidth = 64\nHeight = 32\n"


def load(folder: Path, text: str) -> Profile:
    path = folder / "p.toml"
    path.write_text(text, encoding="utf-8")
    return load_profile(path)


class Recorder:
    """Features that take everything and keep the order in which it was set; `rounding` changes what is read back."""

    def __init__(self, absent: tuple[str, ...] = (), rounding: dict[str, Value] | None = None) -> None:
        self.absent = absent
        self.rounding = rounding or {}
        self.written: list[tuple[str, Value]] = []
        self.values: dict[str, Value] = {}

    def has(self, name: str) -> bool:
        return name not in self.absent

    def offers(self, name: str, value: Value) -> bool:
        return value not in self.absent

    def selected(self, name: str) -> bool:
        return name in ("ChunkEnable", "LineSource")

    def _key(self, name: str) -> str:
        selector = {"ChunkEnable": "ChunkSelector", "LineSource": "LineSelector"}.get(name)
        return f"{name}[{self.values.get(selector)}]" if selector else name

    def get(self, name: str) -> Value | None:
        return None if name == "UserSetLoad" else self.rounding.get(name, self.values[self._key(name)])

    def set(self, name: str, value: Value) -> None:
        self.written.append((name, value))
        self.values[self._key(name)] = value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[optics]\nFocus = 1\n" + SIZE, "p.toml: optics: unknown section"),
        ("[exposure]\nExposureTime = 'long'\n" + SIZE, "p.toml: exposure.ExposureTime: a number expected, got 'long'"),
        ("[exposure]\nExposureTime = true\n" + SIZE, "p.toml: exposure.ExposureTime: a number expected, got True"),
        ("[format]\nWidth = 64.5\nHeight = 32\n", "p.toml: format.Width: a whole number expected, got 64.5"),
        ("[format]\nWidth = 64\n", "p.toml: format.Height: a size in pixels expected"),
        ("[format]\nWidth = -4\nHeight = 4\n", "p.toml: format.Width: a size in pixels expected"),
        (SIZE + "PixelFormat = 'RGB8'\n", "p.toml: format.PixelFormat: Mono8 expected"),
        ("[trigger]\nTriggerMode = 1\n" + SIZE, "p.toml: trigger.TriggerMode: a text expected, got 1"),
        ("[exposure]\nGain = { value = 1.0, exakt = true }\n" + SIZE, "p.toml: exposure.Gain.exakt: unknown key"),
        ("[exposure]\nGain = { exact = true }\n" + SIZE, "p.toml: exposure.Gain.value: missing"),
        ("[exposure]\nGain = { value = 1.0, exact = 1 }\n" + SIZE, "p.toml: exposure.Gain.exact: true or false expected"),
        ("[exposure]\nGain = { value = 1.0, alias = 'G' }\n" + SIZE, "p.toml: exposure.Gain.alias: a list of texts expected"),
        ("[exposure]\nVendorThing = 2020-01-01\n" + SIZE, "p.toml: exposure.VendorThing: a number, a text, true or false expected"),
        ("[chunks]\nChunkEnable = [1]\n" + SIZE, "p.toml: chunks.ChunkEnable: a list of texts expected"),
        ("[camera]\nbuffer_count = 3\n" + SIZE, "p.toml: camera.buffer_count: 8 to 32 expected, got 3"),
        ("[camera]\nframe_id_bits = 8\n" + SIZE, "p.toml: camera.frame_id_bits: 16, 32 or 64 expected, got 8"),
        ("[camera]\ncolour = 'red'\n" + SIZE, "p.toml: camera.colour: unknown key"),
        ("io = 3\n" + SIZE, "p.toml: io: a table, or an array of tables, expected"),
        ("camera = 3\n" + SIZE, "p.toml: camera: a table expected"),
        ("[format\n", "p.toml: "),
    ],
)
def test_each_mistake_has_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(CameraError) as caught:
        load(tmp_path, text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_sections_are_applied_in_the_safe_order_whatever_the_file_says(tmp_path: Path) -> None:
    profile = load(
        tmp_path,
        "[chunks]\nChunkModeActive = true\nChunkEnable = ['FrameID', 'Timestamp']\n"
        "[trigger]\nTriggerMode = 'On'\nTriggerSelector = 'FrameStart'\nTriggerSource = 'Line0'\n"
        "[exposure]\nExposureTime = 100\nExposureAuto = 'Off'\n"
        "[user_set]\nUserSetSelector = 'Default'\nUserSetLoad = true\n" + SIZE + "OffsetX = 8\n",
    )
    camera = Recorder()
    rows = apply_profile(profile, camera)
    expected = [
        *[("UserSetSelector", "Default"), ("UserSetLoad", True)],
        *[("OffsetX", 0), ("OffsetY", 0), ("Width", 64), ("Height", 32), ("OffsetX", 8)],
        *[("ExposureAuto", "Off"), ("ExposureTime", 100.0)],
        *[("TriggerSelector", "FrameStart"), ("TriggerMode", "Off"), ("TriggerSource", "Line0"), ("TriggerMode", "On")],
        *[("ChunkModeActive", True), ("ChunkSelector", "FrameID"), ("ChunkEnable", True)],
        *[("ChunkSelector", "Timestamp"), ("ChunkEnable", True)],
    ]
    assert camera.written[: len(expected)] == expected
    assert all(name.endswith("Selector") for name, _ in camera.written[len(expected) :])  # chosen again to be read back
    assert not any(row.differs for row in rows)
    assert camera.values["ChunkEnable[FrameID]"] is camera.values["ChunkEnable[Timestamp]"] is True


def test_what_was_set_last_under_each_selector_is_read_back(tmp_path: Path) -> None:
    text = SIZE + "[[io]]\nLineSelector = 'Line1'\nLineSource = 'UserOutput0'\n[[io]]\nLineSelector = 'Line2'\nLineSource = 'Off'\n"
    rows = apply_profile(load(tmp_path, text), Recorder())
    sources = [(row.selected, row.asked, row.got) for row in rows if row.feature == "LineSource"]
    assert sources == [("LineSelector=Line1", "UserOutput0", "UserOutput0"), ("LineSelector=Line2", "Off", "Off")]


def test_a_missing_feature_is_refused_unless_optional(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=r"exposure.Gamma: the camera has no Gamma"):
        apply_profile(load(tmp_path, SIZE + "[exposure]\nGamma = 1.0\n"), Recorder(("Gamma",)))
    rows = apply_profile(load(tmp_path, SIZE + "[exposure]\nGamma = { value = 1.0, optional = true }\n"), Recorder(("Gamma",)))
    assert Readback("exposure", "Gamma", 1.0, None) in rows
    assert differences(rows).splitlines() == ["feature  asked  got", "Gamma    1.0    absent"]


def test_an_optional_chunk_the_camera_does_not_have_is_left_out(tmp_path: Path) -> None:
    text = SIZE + "[chunks]\nChunkEnable = { value = ['FrameID', 'EncoderValue'], optional = true }\n"
    camera = Recorder(("EncoderValue",))
    rows = apply_profile(load(tmp_path, text), camera)
    assert ("ChunkSelector", "EncoderValue") not in camera.written
    assert [row.feature for row in rows if row.differs] == ["ChunkSelector"]


def test_rounding_is_a_difference_and_exact_refuses_it(tmp_path: Path) -> None:
    camera = Recorder(rounding={"ExposureTime": 150.0})
    rows = apply_profile(load(tmp_path, SIZE + "[exposure]\nExposureTime = 153\n"), camera)
    assert differences(rows).splitlines()[1].split() == ["ExposureTime", "153.0", "150.0"]
    with pytest.raises(CameraError, match=r"exposure.ExposureTime: 153.0 asked exactly, the camera has 150.0"):
        apply_profile(load(tmp_path, SIZE + "[exposure]\nExposureTime = { value = 153, exact = true }\n"), camera)


def test_values_that_differ_only_in_their_last_bit_are_equal() -> None:
    assert not Readback("exposure", "ExposureTime", 100.0, 100.00000001).differs
    assert Readback("exposure", "ExposureTime", 100.0, 100.1).differs


def test_profiles_are_found_by_name_and_by_path(tmp_path: Path) -> None:
    assert load_profile(find_profile("simulator_1280x1024_line0")).width == 1280
    (tmp_path / "mine.toml").write_text(SIZE, encoding="utf-8")
    assert load_profile(find_profile("mine.toml", tmp_path)).height == 32
    with pytest.raises(CameraError, match="no such camera profile"):
        find_profile("other.toml", tmp_path)
    with pytest.raises(CameraError, match=r"camera profile 'other': not found \(there are: .*simulator_encoder"):
        find_profile("other")


def test_all_shipped_profiles_load() -> None:
    folder = find_profile("viky").parent
    paths = sorted(folder.glob("*.toml"))
    assert {"simulator_1280x1024_line0", "simulator_encoder", "template_gige", "viky"} <= {path.stem for path in paths}
    for path in paths:
        profile = load_profile(path)
        assert profile.value("PixelFormat") == "Mono8"
        assert 8 <= profile.buffer_count <= 32
