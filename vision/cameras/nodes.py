"""The features of an open camera by name: values in and out of a GenApi node map, errors in one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vision.cameras.camera import CameraError
from vision.cameras.profile import Value

_INTEGER, _BOOLEAN, _COMMAND, _FLOAT, _STRING, _ENUMERATION = 2, 3, 4, 5, 6, 9  # GenApi EInterfaceType
_KINDS = {
    _INTEGER: "integer",
    _BOOLEAN: "boolean",
    _COMMAND: "command",
    _FLOAT: "float",
    _STRING: "string",
    _ENUMERATION: "enumeration",
}
_ACCESS = {0: "not implemented", 1: "not available", 2: "write", 3: "read", 4: "read and write"}  # GenApi EAccessMode
_WANTED = {_INTEGER: int, _BOOLEAN: bool, _COMMAND: bool, _FLOAT: float, _STRING: str, _ENUMERATION: str}


@dataclass(frozen=True, slots=True)
class FeatureInfo:
    """One feature of a camera; value None where it cannot be read now."""

    name: str
    kind: str
    access: str
    value: Value | None
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    entries: tuple[str, ...] = ()


class Nodes:
    """The Features of a profile, over a GenApi node map."""

    def __init__(self, node_map: Any) -> None:
        self._map = node_map

    def node(self, name: str) -> Any:
        return self._map.get_node(name)

    def has(self, name: str) -> bool:
        return bool(self._map.has_node(name)) and _access(self.node(name)) >= 1

    def offers(self, name: str, value: Value) -> bool:
        node = self.node(name)
        return _kind(node) != _ENUMERATION or value in node.symbolics

    def selected(self, name: str) -> bool:
        return bool(self.node(name).node.selecting_features)

    def get(self, name: str) -> Value | None:
        node = self._known(name)
        if _kind(node) == _COMMAND:
            return None
        try:
            value: Value = node.value
        except Exception as error:
            raise CameraError(f"{name} cannot be read: {_words(error)}") from None
        return value

    def read_through(self, name: str) -> None:
        """Reads an integer from the camera itself, past any cache; the library's own error when that fails."""
        self.node(name).get_value(False, True)

    def set(self, name: str, value: Value) -> None:
        node = self._known(name)
        kind = _kind(node)
        wanted = _WANTED.get(kind)
        if wanted is float and type(value) is int:
            value = float(value)
        if wanted is int and isinstance(value, float) and value.is_integer():
            value = int(value)  # an older model's raw feature under an alias
        if wanted is not type(value):
            raise CameraError(f"{name} is of kind {_KINDS.get(kind, 'other')}, {value!r} is not")
        if kind == _ENUMERATION and value not in node.symbolics:
            raise CameraError(f"{name} cannot be {value!r}, one of {', '.join(node.symbolics)} expected")
        try:
            if kind == _COMMAND:
                if value:
                    node.execute()
            elif node.get_access_mode() == 3 and node.value == value:
                return  # fixed by the camera to what is asked
            else:
                node.value = value
        except Exception as error:
            limits = f" ({node.min} to {node.max})" if kind in (_INTEGER, _FLOAT) else ""
            raise CameraError(f"{name} cannot be set to {value!r}{limits}: {_words(error)}") from None

    def _known(self, name: str) -> Any:
        if not self._map.has_node(name):
            raise CameraError(f"the camera has no {name}")
        return self.node(name)

    def describe(self) -> list[FeatureInfo]:
        """All features that a user of the camera would see, sorted by name."""
        found = []
        for node in self._map.nodes:
            inner = node.node
            if inner.is_feature() and _kind(node) in _KINDS and not inner.name.startswith("EnumEntry_"):
                found.append(_feature_info(inner.name, node))
        return sorted(found, key=lambda info: info.name)


def _feature_info(name: str, node: Any) -> FeatureInfo:
    kind, access = _kind(node), _access(node)
    value, limits, unit, entries = None, (None, None), "", ()
    if access >= 3 and kind != _COMMAND:
        try:
            value = node.value
            limits = (node.min, node.max) if kind in (_INTEGER, _FLOAT) else limits
        except Exception:
            access = 1  # a chunk without a frame, or a feature its selector rules out
    if kind in (_INTEGER, _FLOAT):
        unit = str(getattr(node, "unit", "") or "")
    if kind == _ENUMERATION:
        entries = tuple(node.symbolics)
    return FeatureInfo(name, _KINDS[kind], _ACCESS.get(access, "unknown"), value, unit, *limits, entries)


def _kind(node: Any) -> int:
    return int(node.node.principal_interface_type)


def _access(node: Any) -> int:
    return int(node.get_access_mode())


def _words(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
