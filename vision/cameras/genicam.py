"""GenICam cameras through GenTL: the only file that imports harvesters, and only in the process that owns the camera.

One Harvester, one camera, one process: the library holds the interpreter's lock while it waits, its update() makes other
acquirers obsolete, opening again leaks, and a process forked after opening sees no frames. A lost camera is met by leaving the
process. Nothing here starts a thread.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vision.cameras.buffers import BufferReader
from vision.cameras.camera import CameraError, Grab, GrabStatus
from vision.cameras.chunks import ChunkReader
from vision.cameras.in_place import PlacedBuffers, possible
from vision.cameras.nodes import FeatureInfo, Nodes
from vision.cameras.profile import Profile, Readback, apply_profile
from vision.types import Pixels

_WAIT_MS = 50  # one wait inside harvesters, with the interpreter's lock held: signals wait so long. At 60 frames/s a wait of 1 ms
# took 1.35 ms of CPU per frame, 8 ms 0.41, 50 ms 0.2; frames are not later, the wait ends when one comes.
_WATCH_NS = 50_000_000  # without a frame for so long, the access status is looked at
_PING_NS = 500_000_000  # and after so long a register is read: some producers never change the status
_PLACES_MAX = 256  # buffers that a producer will take
_NO_ACCESS = 3  # GenTL DEVICE_ACCESS_STATUS_NOACCESS

_open_in: int | None = None  # the process that has a camera open


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """One camera as its producer lists it; access is "free", "busy" (open elsewhere), "open" (here) or "none"."""

    serial_number: str
    user_id: str
    vendor: str
    model: str
    tl_type: str
    access: str
    producer: Path


class _LastWords(logging.Handler):
    """Keeps what harvesters logs instead of printing it: the reason why a producer would not load is told nowhere else."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self.text = " ".join(str(error or record.getMessage()).split())


def find_producers() -> list[Path]:
    """The producers (*.cti) in the folders of GENICAM_GENTL64_PATH, as camera makers' software sets it."""
    folders = [Path(part) for part in os.environ.get("GENICAM_GENTL64_PATH", "").split(os.pathsep) if part]
    return sorted({path.resolve() for folder in folders if folder.is_dir() for path in folder.glob("*.cti")})


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Puts back the SIGINT handler that harvesters replaces when it opens a camera on the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _harvester(producers: Sequence[Path]) -> tuple[Any, _LastWords]:
    """A Harvester with the cameras of these producers listed."""
    from harvesters.core import Harvester  # noqa: PLC0415 only the process that owns the camera may load it

    words = _LastWords()
    logger = logging.getLogger("harvesters.core")
    logger.handlers[:] = [words]
    logger.setLevel(logging.WARNING)
    harvester = Harvester()
    for path in producers:
        if not path.is_file():
            raise CameraError(f"{path}: no such GenTL producer")
        harvester.add_file(str(path.resolve()))
    harvester.update()
    return harvester, words


def _describe(info: Any, producer: Path) -> CameraInfo:
    access = {1: "free", 2: "free", 4: "busy", 5: "open", 6: "open"}
    values = info.property_dict
    serial_number, user_id, vendor, model, tl_type = (
        str(values.get(key) or "") for key in ("serial_number", "user_defined_name", "vendor", "model", "tl_type")
    )
    status = access.get(int(values.get("access_status") or 0), "none")
    return CameraInfo(serial_number, user_id, vendor, model, tl_type, status, producer)


def list_cameras(producers: Sequence[Path]) -> list[CameraInfo]:
    """The cameras these producers see; not while a camera is open in this process. CameraError when a producer will not load."""
    if _open_in == os.getpid():
        raise CameraError("cameras cannot be listed in a process that has one open")
    cameras = []
    for producer in producers:
        harvester, words = _harvester([producer])
        try:
            cameras += [_describe(info, producer) for info in harvester.device_info_list]
            if not harvester.device_info_list and words.text:
                raise CameraError(f"{producer}: {words.text}")
        finally:
            harvester.reset()
    return cameras


class GenicamCamera:
    """A camera behind a GenTL producer, opened, set to its profile and read back.

    producers: paths of GenTL producers (*.cti). serial_number or user_id says which camera, never its position; with
        neither there must be exactly one.
    CameraError: not found (with the cameras that were seen), busy, a profile that cannot be applied.
    """

    def __init__(
        self, producers: Sequence[Path], profile: Profile, *, serial_number: str | None = None, user_id: str | None = None
    ) -> None:
        global _open_in  # noqa: PLW0603 GenTL's state is the process's
        if _open_in == os.getpid():
            raise CameraError("this process has, or has lost, a camera: one camera, one process")
        self.profile = profile
        self.width, self.height = profile.width, profile.height
        self.readback: tuple[Readback, ...] = ()
        self._acquirer: Any = None
        self._started = False
        self._lost = ""
        self._incomplete = 0
        self._placed: PlacedBuffers | None = None
        self._monitor: Any = None
        self._seen_ns = self._watched_ns = self._pinged_ns = 0
        self._harvester, self._words = _harvester(producers)
        try:
            self._open(producers, serial_number, user_id)
            _open_in = os.getpid()
            self._configure()
        except BaseException:
            self.close()
            raise

    def _open(self, producers: Sequence[Path], serial_number: str | None, user_id: str | None) -> None:
        """Opens the one camera that matches."""
        infos = self._harvester.device_info_list
        seen = [_describe(info, producers[0]) for info in infos]
        asked = [
            f"{name} {value!r}" for name, value in (("serial_number", serial_number), ("user_id", user_id)) if value is not None
        ]
        matches = [
            (info, camera)
            for info, camera in zip(infos, seen, strict=True)
            if serial_number in (None, camera.serial_number) and user_id in (None, camera.user_id)
        ]
        if len(matches) != 1:
            listed = ", ".join(f"{c.serial_number} ({' '.join((c.vendor, c.model, c.user_id)).strip()})" for c in seen) or "none"
            reason = f" ({self._words.text})" if not seen and self._words.text else ""
            found = "more than one camera" if matches else "no camera"
            raise CameraError(f"{found}{' with ' if asked else ''}{' and '.join(asked)}; seen: {listed}{reason}")
        info, camera = matches[0]
        if camera.access == "busy":
            raise CameraError(f"camera {camera.serial_number}: busy, another process has it open")
        self.name = f"camera {camera.serial_number}"
        try:
            with _signals_kept():
                self._acquirer = self._harvester.create(info)
        except Exception as error:
            raise CameraError(f"{self.name}: cannot be opened: {_words(error)}") from None

    def _configure(self) -> None:
        """Profile, pixel format, chunk nodes."""
        self.nodes = Nodes(self._acquirer.remote_device.node_map)
        try:
            self.readback = apply_profile(self.profile, self.nodes)
        except CameraError as error:
            raise CameraError(f"{self.name}: {error}") from None
        if self.nodes.get("PixelFormat") != "Mono8":
            raise CameraError(f"{self.name}: PixelFormat is {self.nodes.get('PixelFormat')}, Mono8 is needed")
        size = (self.nodes.get("Width"), self.nodes.get("Height"))
        if size != (self.width, self.height):
            raise CameraError(f"{self.name}: the image is {size[0]}x{size[1]}, {self.profile.path} asks {self.width}x{self.height}")
        enabled = {row.selected.partition("=")[2] for row in self.readback if row.feature == "ChunkEnable" and row.got}
        wanted = {"FrameID": "ChunkFrameID", "EncoderValue": "ChunkEncoderValue", "LineStatusAll": "ChunkLineStatusAll"}
        active = self.nodes.has("ChunkModeActive") and bool(self.nodes.get("ChunkModeActive"))
        chunks = {
            node: self.nodes.node(node) for chunk, node in wanted.items() if active and chunk in enabled and self.nodes.has(node)
        }
        from genicam.gentl import TimeoutException  # noqa: PLC0415 as harvesters

        self._timeout_error = TimeoutException
        reader = ChunkReader(chunks, lambda buffer: self._acquirer._update_chunk_data(buffer=buffer, is_manual=False))
        self._reader = BufferReader(self.width, self.height, reader, self._acquirer.device)
        self._tells_access = self._access() is not None
        self._acquirer.num_buffers = self.profile.buffer_count

    def start(self) -> None:
        """Begins acquisition; never with harvesters' own thread."""
        if self._started:
            return
        try:
            self._acquirer.start(run_as_thread=False)
        except Exception as error:
            raise CameraError(f"{self.name}: acquisition does not start: {_words(error)}") from None
        (self._monitor,) = self._acquirer._new_buffer_event_monitor_dict.values()
        self._started = True
        if self._placed is not None and not self._placed.active:
            self._placed = None
        self._seen_ns = self._watched_ns = self._pinged_ns = time.monotonic_ns()

    def fill(self, views: Sequence[Pixels], room_bytes: int) -> bool:
        """See Camera. What cannot be filled in place shows with start(): ask `fills`."""
        assert not self._started, "fill() comes before start()"
        if possible() and len(views) <= _PLACES_MAX:
            self._placed = PlacedBuffers(self._acquirer, views, room_bytes)
        return self._placed is not None

    @property
    def fills(self) -> bool:
        """Frames come in the places given to fill()."""
        return self._placed is not None

    def give(self, place: int) -> None:
        """This place may be filled."""
        assert self._placed is not None, "fill() comes first"
        self._placed.give(place)

    def grab(self, into: Pixels | None, timeout_s: float) -> Grab:
        """The next frame. INCOMPLETE has no frame id: not every producer gives it one; count it as the next one."""
        if _open_in != os.getpid():
            raise CameraError(f"{self.name}: opened in another process; a camera cannot be used after a fork")
        limit_ns = time.monotonic_ns() + int(timeout_s * 1e9)
        waited = False
        while not self._lost:
            now_ns = time.monotonic_ns()
            if self._incomplete:
                self._incomplete -= 1
                self._seen_ns = now_ns
                return Grab(GrabStatus.INCOMPLETE, arrival_ns=now_ns, detail="the frame came with packets missing")
            left_ms = (limit_ns - now_ns + 500_000) // 1_000_000  # harvesters waits in whole milliseconds
            if left_ms < 1 and waited:
                return Grab(GrabStatus.TIMEOUT, arrival_ns=now_ns)
            try:
                waited = True
                buffer = self._next(max(1, min(_WAIT_MS, left_ms)))
                if buffer is not None:
                    return self._take(buffer, into)
            except CameraError as error:
                raise CameraError(f"{self.name}: {error}") from None
            except Exception as error:  # GenTL's errors have no base that is stable over its versions
                self._lost = _words(error)
            if not self._incomplete:
                self._watch()
        return Grab(GrabStatus.LOST, arrival_ns=time.monotonic_ns(), detail=f"{self.name}: {self._lost}")

    def _next(self, wait_ms: int) -> Any:
        """The next whole buffer, None when none came. What harvesters' try_fetch does, which takes 0.04 ms of CPU more, and puts an
        incomplete frame back without a word."""
        try:
            self._monitor.update_event_data(wait_ms)
        except self._timeout_error:
            return None
        buffer = self._monitor.buffer
        try:
            complete = buffer.is_complete()
        except Exception:  # a buffer that does not say so is not believed
            complete = False
        if not complete:
            buffer.parent.queue_buffer(buffer)
            self._incomplete += 1
            return None
        return buffer

    def _take(self, buffer: Any, into: Pixels | None) -> Grab:
        """Reads a buffer and gives it back without clearing it; frame id and time are gone after that, so they are read first."""
        arrival_ns = self._seen_ns = time.monotonic_ns()
        place = None if self._placed is None else int(buffer.context)
        grab = None
        try:
            if self._placed is not None and place is not None:
                into = self._placed.views[place]
            grab = self._reader.read(buffer, into, arrival_ns, place)
            return grab
        finally:
            if grab is None or grab.place is None:
                buffer.parent.queue_buffer(buffer, False)

    def _access(self) -> int | None:
        """The GenTL access status, None where the producer does not tell."""
        try:
            return int(self._acquirer.device.access_status)
        except Exception:
            return None

    def _watch(self) -> None:
        """Looks whether the camera is still there when no frame comes."""
        now_ns = time.monotonic_ns()
        if now_ns - max(self._seen_ns, self._watched_ns) < _WATCH_NS:
            return
        self._watched_ns = now_ns
        try:
            if self._tells_access and self._access() in (None, _NO_ACCESS):
                self._lost = "lost: no access any more"
            elif now_ns - max(self._seen_ns, self._pinged_ns) >= _PING_NS:
                self._pinged_ns = now_ns
                self.nodes.read_through("Width")
        except Exception as error:
            self._lost = f"lost: {_words(error)}"

    def set_user_output(self, output: str, value: bool) -> None:
        """Sets a user output, by its SFNC name (UserOutput0)."""
        try:
            self.nodes.set("UserOutputSelector", output)
            self.nodes.set("UserOutputValue", value)
        except CameraError as error:
            raise CameraError(f"{self.name}: {error}") from None

    def stop(self) -> None:
        """Ends acquisition; a lost camera is left as it is."""
        if self._started and not self._lost:
            try:
                self._acquirer.stop()
            except Exception as error:  # the link died in the middle of it
                self._lost = f"lost: {_words(error)}"
        self._started = False

    def close(self) -> None:
        """Gives the camera back. Of a lost one only this process's end frees everything: leave it."""
        global _open_in  # noqa: PLW0603
        if self._harvester is None:
            return
        self.stop()
        for release in (self._acquirer.destroy if self._acquirer else None, self._harvester.reset):
            if release is not None and not self._lost:
                try:
                    release()
                except Exception as error:
                    self._lost = f"lost: {_words(error)}"
        if self._lost:  # harvesters would try again when the interpreter ends, and print the traceback
            for holder in (self._acquirer, self._harvester):
                with contextlib.suppress(AttributeError):
                    holder._finalizer.detach()
        elif _open_in == os.getpid():
            _open_in = None
        self._acquirer = None if not self._lost else self._acquirer
        self._harvester = None


def _words(error: BaseException) -> str:
    """The message of a GenTL or GenApi error on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def features(camera: GenicamCamera) -> list[FeatureInfo]:
    """All features of an open camera, by name."""
    return camera.nodes.describe()
