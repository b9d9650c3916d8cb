"""The Camera protocol: what every source of frames gives. Single-threaded, one camera per process."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, Protocol

from vision.types import Pixels


class GrabStatus(Enum):
    FRAME = "frame"  # a whole frame was copied into the destination
    TIMEOUT = "timeout"  # nothing came within the time given
    INCOMPLETE = "incomplete"  # a frame came with bytes missing; the destination is undefined
    LOST = "lost"  # the camera is gone: close it, leave the process
    ENDED = "ended"  # a recording is at its end; never from a real camera


class Grab(NamedTuple):
    """What one call of grab() gave; metadata are None where the camera does not send them.

    arrival_ns: host monotonic clock (time.monotonic_ns) when the whole frame was at the host.
    """

    status: GrabStatus
    frame_id: int | None = None
    arrival_ns: int = 0
    device_timestamp_ns: int | None = None
    encoder_count: int | None = None
    line_status: int | None = None
    detail: str = ""
    place: int | None = None  # which of the places given holds the frame, where the camera fills them itself


class CameraError(Exception):
    """One line for the user: which camera or profile, and what is wrong."""


class Camera(Protocol):
    """open is the constructor; a camera that cannot be opened raises CameraError."""

    width: int
    height: int

    @property
    def fills(self) -> bool:
        """After start(): it fills the places of fill() itself."""

    def start(self) -> None:
        """Applies nothing; begins acquisition."""

    def grab(self, into: Pixels | None, timeout_s: float) -> Grab:
        """Copies the next frame into `into` ((height, width) uint8); None drops the pixels but reports the frame."""

    def fill(self, views: Sequence[Pixels], room_bytes: int) -> bool:
        """Before start(): from then on the camera fills these places itself, where it can (`fills`); False = it cannot.

        views: of each place's first bytes, as a frame. room_bytes: of each place. See in_place.
        """

    def give(self, place: int) -> None:
        """After fill(): this place may be filled; it comes back with a grab."""

    def set_user_output(self, output: str, value: bool) -> None:
        """Sets a user output line (SFNC UserOutputSelector / UserOutputValue); CameraError where there is none."""

    def stop(self) -> None: ...

    def close(self) -> None: ...
