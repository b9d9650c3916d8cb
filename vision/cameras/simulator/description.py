"""The feature table of the simulated camera, and what is made of it: the GenICam XML and the C description of its registers.

One table says name, kind, range and default of each feature; build.py writes the XML a client reads and the header the C side
compiles against from it, so the two cannot disagree. Names are those of SFNC 2.7. Imports nothing but the standard library.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape

REGISTER_BASE = 0x1000
XML_ADDRESS = 0x8000_0000
STRING_LENGTH = 64
XML_HEAD = (
    '<RegisterDescription xmlns="http://www.genicam.org/GenApi/Version_1_1" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:schemaLocation="http://www.genicam.org/GenApi/Version_1_1 GenApiSchema_Version_1_1.xsd" '
    'ModelName="{model}" VendorName="packline" ToolTip="Simulated camera of a packaging line" StandardNameSpace="{space}" '
    'SchemaMajorVersion="1" SchemaMinorVersion="1" SchemaSubMinorVersion="0" MajorVersion="1" MinorVersion="0" '
    'SubMinorVersion="0" ProductGuid="{guid}" VersionGuid="{guid}">'
)


@dataclass(frozen=True)
class Feature:
    """One feature: kind is int, float, bool, enum, string or command; count registers follow each other, one per selector value."""

    category: str
    name: str
    kind: str
    default: int | float | str = 0
    access: str = "RW"
    minimum: float | str = 0
    maximum: float | str = 0
    increment: int = 1
    unit: str = ""
    entries: tuple[str, ...] = ()
    selector: str = ""
    count: int = 1
    locked: bool = False  # not writable while the transport layer is locked (during acquisition)
    hidden: bool = False  # a register other nodes refer to, no feature of its own
    chunk_id: int = 0  # in the chunk data, not in the camera's registers

    @property
    def register_name(self) -> str:
        """TriggerMode -> REG_TRIGGER_MODE."""
        spaced = "".join(f"_{c}" if c.isupper() and i and not self.name[i - 1].isupper() else c for i, c in enumerate(self.name))
        return f"REG_{spaced.upper()}"

    @property
    def length(self) -> int:
        return STRING_LENGTH if self.kind == "string" else 8


TRIGGERS = ("FrameStart",)
LINES = ("Line0", "Line1", "Line2", "Line3", "Line4")
OUTPUTS = ("UserOutput0", "UserOutput1")
COUNTERS = ("Counter0", "Counter1")
CHUNKS = ("FrameID", "Timestamp", "ExposureTime", "EncoderValue", "LineStatusAll")

FEATURES = (
    Feature("DeviceControl", "DeviceVendorName", "string", "packline", "RO"),
    Feature("DeviceControl", "DeviceModelName", "string", "Vision Simulator", "RO"),
    Feature("DeviceControl", "DeviceVersion", "string", "1.0", "RO"),
    Feature("DeviceControl", "DeviceSerialNumber", "string", "", "RO"),
    Feature("DeviceControl", "DeviceUserID", "string", ""),
    Feature("DeviceControl", "DeviceTLType", "enum", 0, "RO", entries=("GigEVision",)),
    Feature("DeviceControl", "Timestamp", "int", 0, "RO", maximum=2**62, unit="ns"),
    Feature("DeviceControl", "TimestampLatch", "command"),
    Feature("DeviceControl", "TimestampLatchValue", "int", 0, "RO", maximum=2**62, unit="ns"),
    Feature("ImageFormatControl", "SensorWidth", "int", 0, "RO", maximum=65536),
    Feature("ImageFormatControl", "SensorHeight", "int", 0, "RO", maximum=65536),
    Feature("ImageFormatControl", "WidthMax", "int", 0, "RO", maximum=65536),
    Feature("ImageFormatControl", "HeightMax", "int", 0, "RO", maximum=65536),
    Feature("ImageFormatControl", "WidthLimit", "int", 0, "RO", maximum=65536, hidden=True),
    Feature("ImageFormatControl", "HeightLimit", "int", 0, "RO", maximum=65536, hidden=True),
    Feature("ImageFormatControl", "OffsetXLimit", "int", 0, "RO", maximum=65536, hidden=True),
    Feature("ImageFormatControl", "OffsetYLimit", "int", 0, "RO", maximum=65536, hidden=True),
    Feature("ImageFormatControl", "Width", "int", minimum=16, maximum="WidthLimit", increment=4, unit="px", locked=True),
    Feature("ImageFormatControl", "Height", "int", minimum=2, maximum="HeightLimit", increment=2, unit="px", locked=True),
    Feature("ImageFormatControl", "OffsetX", "int", maximum="OffsetXLimit", increment=4, unit="px", locked=True),
    Feature("ImageFormatControl", "OffsetY", "int", maximum="OffsetYLimit", increment=2, unit="px", locked=True),
    Feature("ImageFormatControl", "PixelFormat", "enum", 0x01080001, entries=("Mono8",), locked=True),
    Feature("AcquisitionControl", "AcquisitionMode", "enum", 0, entries=("Continuous",)),
    Feature("AcquisitionControl", "AcquisitionStart", "command"),
    Feature("AcquisitionControl", "AcquisitionStop", "command"),
    Feature("AcquisitionControl", "AcquisitionFrameRateEnable", "bool", 0),
    Feature("AcquisitionControl", "AcquisitionFrameRate", "float", 10.0, minimum=0.1, maximum=5000.0, unit="Hz"),
    Feature("AcquisitionControl", "ExposureMode", "enum", 0, entries=("Timed",)),
    Feature("AcquisitionControl", "ExposureAuto", "enum", 0, entries=("Off", "Once", "Continuous")),
    Feature("AcquisitionControl", "ExposureTime", "float", 200.0, minimum=10.0, maximum=1000000.0, unit="us"),
    Feature("AcquisitionControl", "TriggerSelector", "enum", 0, entries=TRIGGERS),
    Feature("AcquisitionControl", "TriggerMode", "enum", 0, entries=("Off", "On"), selector="TriggerSelector"),
    Feature("AcquisitionControl", "TriggerSoftware", "command", selector="TriggerSelector"),
    Feature(
        "AcquisitionControl", "TriggerSource", "enum", 0, entries=("Software", "Line0", "Encoder0"), selector="TriggerSelector"
    ),
    Feature(
        "AcquisitionControl", "TriggerActivation", "enum", 0, entries=("RisingEdge", "FallingEdge"), selector="TriggerSelector"
    ),
    Feature("AcquisitionControl", "TriggerDelay", "float", 0.0, maximum=1000000.0, unit="us", selector="TriggerSelector"),
    Feature("AcquisitionControl", "TriggerDivider", "int", 1, minimum=1, maximum=1000000, selector="TriggerSelector"),
    Feature("AnalogControl", "Gain", "float", 0.0, maximum=24.0, unit="dB"),
    Feature("AnalogControl", "GainAuto", "enum", 0, entries=("Off", "Once", "Continuous")),
    Feature("AnalogControl", "BlackLevel", "float", 0.0, maximum=64.0),
    Feature("AnalogControl", "Gamma", "float", 1.0, minimum=0.25, maximum=4.0),
    Feature("DigitalIOControl", "LineSelector", "enum", 0, entries=LINES),
    Feature("DigitalIOControl", "LineMode", "enum", 0, entries=("Input", "Output"), selector="LineSelector", count=5),
    Feature("DigitalIOControl", "LineInverter", "bool", 0, selector="LineSelector", count=5),
    Feature(
        "DigitalIOControl",
        "LineSource",
        "enum",
        0,
        entries=("Off", "UserOutput0", "UserOutput1", "ExposureActive", "Timer0Active"),
        selector="LineSelector",
        count=5,
    ),
    Feature("DigitalIOControl", "LineStatus", "bool", 0, "RO", selector="LineSelector", count=5),
    Feature("DigitalIOControl", "LineStatusAll", "int", 0, "RO", maximum=255),
    Feature("DigitalIOControl", "UserOutputSelector", "enum", 0, entries=OUTPUTS),
    Feature("DigitalIOControl", "UserOutputValue", "bool", 0, selector="UserOutputSelector", count=2),
    Feature("CounterAndTimerControl", "CounterSelector", "enum", 0, entries=COUNTERS),
    Feature(
        "CounterAndTimerControl",
        "CounterEventSource",
        "enum",
        0,
        entries=("Off", "Line0", "ExposureStart", "Encoder0"),
        selector="CounterSelector",
        count=2,
    ),
    Feature("CounterAndTimerControl", "CounterReset", "command", selector="CounterSelector", count=2),
    Feature("CounterAndTimerControl", "CounterValue", "int", 0, "RO", maximum=2**62, selector="CounterSelector", count=2),
    Feature("CounterAndTimerControl", "TimerSelector", "enum", 0, entries=("Timer0",)),
    Feature("CounterAndTimerControl", "TimerDuration", "float", 10000.0, maximum=10000000.0, unit="us", selector="TimerSelector"),
    Feature("CounterAndTimerControl", "TimerDelay", "float", 0.0, maximum=10000000.0, unit="us", selector="TimerSelector"),
    Feature(
        "CounterAndTimerControl",
        "TimerTriggerSource",
        "enum",
        0,
        entries=("Off", "SoftwareSignal0", "ExposureStart"),
        selector="TimerSelector",
    ),
    Feature("SoftwareSignalControl", "SoftwareSignalSelector", "enum", 0, entries=("SoftwareSignal0",)),
    Feature("SoftwareSignalControl", "SoftwareSignalPulse", "command", selector="SoftwareSignalSelector"),
    Feature("EncoderControl", "EncoderSelector", "enum", 0, entries=("Encoder0",)),
    Feature("EncoderControl", "EncoderSourceA", "enum", 1, entries=("Off", "Line3"), selector="EncoderSelector"),
    Feature("EncoderControl", "EncoderSourceB", "enum", 1, entries=("Off", "Line4"), selector="EncoderSelector"),
    Feature("EncoderControl", "EncoderDivider", "int", 1, minimum=1, maximum=65535, selector="EncoderSelector"),
    Feature("EncoderControl", "EncoderReset", "command", selector="EncoderSelector"),
    Feature("EncoderControl", "EncoderValue", "int", 0, "RO", maximum=2**62, selector="EncoderSelector"),
    Feature("UserSetControl", "UserSetSelector", "enum", 0, entries=("Default",)),
    Feature("UserSetControl", "UserSetLoad", "command", selector="UserSetSelector"),
    Feature("ChunkDataControl", "ChunkModeActive", "bool", 0, locked=True),
    Feature("ChunkDataControl", "ChunkSelector", "enum", 0, entries=CHUNKS),
    Feature("ChunkDataControl", "ChunkEnable", "bool", 0, selector="ChunkSelector", count=5, locked=True),
    Feature("ChunkDataControl", "ChunkFrameID", "int", access="RO", maximum=2**62, chunk_id=0xA5A50001),
    Feature("ChunkDataControl", "ChunkTimestamp", "int", access="RO", maximum=2**62, unit="ns", chunk_id=0xA5A50002),
    Feature("ChunkDataControl", "ChunkExposureTime", "float", access="RO", maximum=1e9, unit="us", chunk_id=0xA5A50003),
    Feature("ChunkDataControl", "ChunkEncoderValue", "int", access="RO", maximum=2**62, chunk_id=0xA5A50004),
    Feature("ChunkDataControl", "ChunkLineStatusAll", "int", access="RO", maximum=255, chunk_id=0xA5A50005),
    Feature("TransportLayerControl", "PayloadSize", "int", 0, "RO", maximum=2**31),
    Feature("TransportLayerControl", "TLParamsLocked", "int", 0, maximum=1),
)

MODULES = (("system", "TLPort", "TLID"), ("interface", "InterfacePort", "InterfaceID"),
           ("device", "DevicePort", "DeviceID"), ("stream", "StreamPort", "StreamID"))  # fmt: skip


def addresses() -> dict[str, int]:
    """Register address of each feature that has one."""
    result, address = {}, REGISTER_BASE
    for feature in FEATURES:
        if not feature.chunk_id:
            result[feature.name] = address
            address += feature.length * feature.count
    return result


def _entries(feature: Feature) -> list[tuple[str, int]]:
    first = int(feature.default) if feature.name == "PixelFormat" else 0
    return [(name, first + index) for index, name in enumerate(feature.entries)]


def _register(feature: Feature, address: int) -> str:
    """The node that reads and writes the bytes; features refer to it by name."""
    if feature.chunk_id:
        where = f"<Address>0</Address><Length>8</Length><AccessMode>RO</AccessMode><pPort>{feature.name}Port</pPort>"
    else:
        index = f'<pIndex Offset="8">{feature.selector}Reg</pIndex>' if feature.selector and feature.count > 1 else ""
        where = (
            f"<Address>{address:#x}</Address>{index}<Length>{feature.length}</Length>"
            f"<AccessMode>{'RW' if feature.kind == 'command' else feature.access}</AccessMode><pPort>Device</pPort>"
        )
    where += "<Cachable>NoCache</Cachable>"
    if feature.kind == "string":
        return f'<StringReg Name="{feature.name}Reg">{where}</StringReg>'
    if feature.kind == "float":
        return f'<FloatReg Name="{feature.name}Reg">{where}<Endianess>LittleEndian</Endianess></FloatReg>'
    return f'<IntReg Name="{feature.name}Reg">{where}<Sign>Signed</Sign><Endianess>LittleEndian</Endianess></IntReg>'


def _limits(feature: Feature) -> str:
    def limit(tag: str, value: float | str) -> str:
        return f"<p{tag}>{value}Reg</p{tag}>" if isinstance(value, str) else f"<{tag}>{value}</{tag}>"

    text = limit("Min", feature.minimum) + limit("Max", feature.maximum)
    return text + (f"<Inc>{feature.increment}</Inc>" if feature.kind == "int" else "")


def _node(feature: Feature, selected: dict[str, list[str]]) -> str:
    """The feature node as SFNC names it."""
    lock = "<pIsLocked>TLParamsLocked</pIsLocked>" if feature.locked else ""
    access = "<ImposedAccessMode>RO</ImposedAccessMode>" if feature.access == "RO" else ""
    value = f"<pValue>{feature.name}Reg</pValue>"
    chosen = "".join(f"<pSelected>{name}</pSelected>" for name in selected.get(feature.name, ()))
    unit = f"<Unit>{escape(feature.unit)}</Unit>" if feature.unit else ""
    name = feature.name
    if feature.kind == "int":
        return f'<Integer Name="{name}">{lock}{access}{value}{_limits(feature)}{unit}{chosen}</Integer>'
    if feature.kind == "float":
        return f'<Float Name="{name}">{lock}{access}{value}{_limits(feature)}{unit}</Float>'
    if feature.kind == "bool":
        return f'<Boolean Name="{name}">{lock}{access}{value}<OnValue>1</OnValue><OffValue>0</OffValue></Boolean>'
    if feature.kind == "command":
        return f'<Command Name="{name}">{lock}{value}<CommandValue>1</CommandValue></Command>'
    if feature.kind == "string":
        return f'<String Name="{name}">{access}{value}</String>'
    entries = "".join(
        f'<EnumEntry Name="EnumEntry_{name}_{entry}"><Value>{number}</Value><Symbolic>{entry}</Symbolic></EnumEntry>'
        for entry, number in _entries(feature)
    )
    return f'<Enumeration Name="{name}">{lock}{access}{entries}{value}{chosen}</Enumeration>'


def remote_xml() -> str:
    """The XML of the remote device: the camera's features."""
    selected: dict[str, list[str]] = {}
    categories: dict[str, list[str]] = {}
    for feature in FEATURES:
        if feature.selector:
            selected.setdefault(feature.selector, []).append(feature.name)
        if not feature.hidden:
            categories.setdefault(feature.category, []).append(feature.name)
    where = addresses()
    lines = [XML_HEAD.format(model="VisionSimulator", space="GEV", guid="6a7b3f10-59c2-4c0e-9c36-1d9a2b8e4f01")]
    lines.append('<Category Name="Root">' + "".join(f"<pFeature>{name}</pFeature>" for name in categories) + "</Category>")
    for category, names in categories.items():
        lines.append(f'<Category Name="{category}">' + "".join(f"<pFeature>{n}</pFeature>" for n in names) + "</Category>")
    for feature in FEATURES:
        if not feature.hidden:
            lines.append(_node(feature, selected))
        lines.append(_register(feature, where.get(feature.name, 0)))
        if feature.chunk_id:
            lines.append(f'<Port Name="{feature.name}Port"><ChunkID>{feature.chunk_id:08X}</ChunkID></Port>')
    lines.append('<Port Name="Device"/></RegisterDescription>')
    return "\n".join(lines)


def module_xml(port: str, feature: str) -> str:
    """The XML of a module of the producer itself (system, interface, device, stream): its identity, nothing to set."""
    return (
        XML_HEAD.format(model=f"VisionSimulator{port}", space="None", guid="6a7b3f10-59c2-4c0e-9c36-1d9a2b8e4f02")
        + f'<Category Name="Root"><pFeature>{feature}</pFeature></Category>'
        + f'<StringReg Name="{feature}"><Address>{REGISTER_BASE:#x}</Address><Length>{STRING_LENGTH}</Length>'
        + f'<AccessMode>RO</AccessMode><pPort>{port}</pPort><Cachable>NoCache</Cachable></StringReg><Port Name="{port}"/>'
        + "</RegisterDescription>"
    )


def c_header() -> str:
    """description.h: addresses, the table of defaults, and where the XML texts are."""
    where = addresses()
    lines = ["/* Made by build.py from description.py. */", "#ifndef VISION_DESCRIPTION_H", "#define VISION_DESCRIPTION_H"]
    lines.append("#include <stddef.h>\n#include <stdint.h>")
    lines += [f"#define {f.register_name} {where[f.name]:#x}u" for f in FEATURES if not f.chunk_id]
    lines += [f"#define CHUNK_{f.register_name[10:]} {f.chunk_id:#x}u" for f in FEATURES if f.chunk_id]
    last = max(FEATURES, key=lambda f: where.get(f.name, 0))
    lines.append(f"#define REGISTER_END {where[last.name] + last.length * last.count:#x}u")
    lines.append(f"#define XML_ADDRESS {XML_ADDRESS:#x}ull")
    lines.append("enum { KIND_INT, KIND_FLOAT, KIND_STRING, KIND_COMMAND };")
    lines.append("typedef struct { uint32_t address; uint8_t kind, writable; uint16_t count; int64_t whole; double real;"
                 " const char *text; } Register;")  # fmt: skip
    lines.append("extern const Register registers[];\nextern const size_t register_count;")
    for name in ("remote", *(module for module, _, _ in MODULES)):
        lines.append(f"extern const char xml_{name}[];\nextern const size_t xml_{name}_size;")
    lines.append("#endif\n")
    return "\n".join(lines)


def c_source() -> str:
    """description.c: the register table and the XML texts as data."""
    where = addresses()
    rows = []
    for f in FEATURES:
        if f.chunk_id:
            continue
        kind = {"float": "KIND_FLOAT", "string": "KIND_STRING", "command": "KIND_COMMAND"}.get(f.kind, "KIND_INT")
        whole = int(f.default) if f.kind in {"int", "enum", "bool"} else 0
        real = float(f.default) if f.kind == "float" else 0.0
        text = f'"{f.default}"' if f.kind == "string" else "0"
        rows.append(f"    {{{where[f.name]:#x}u, {kind}, {int(f.access == 'RW')}, {f.count}, {whole}, {real!r}, {text}}},")
    lines = ['#include "description.h"', "const Register registers[] = {", *rows, "};"]
    lines.append("const size_t register_count = sizeof registers / sizeof registers[0];")
    texts = {"remote": remote_xml(), **{module: module_xml(port, feature) for module, port, feature in MODULES}}
    for name, text in texts.items():
        data = ",".join(str(byte) for byte in text.encode())
        lines.append(f"const char xml_{name}[] = {{{data}}};\nconst size_t xml_{name}_size = sizeof xml_{name};")
    return "\n".join(lines) + "\n"
