"""The Modbus register map between the station and the PLC, known to modbus.py and plc.py only.

Holding registers, relative to a base address; 32-bit numbers are low word first.

| register   | written by | meaning                                                                                   |
|------------|------------|-------------------------------------------------------------------------------------------|
| 0          | station    | version of this map: 1                                                                    |
| 1          | station    | heartbeat: another value with every beat; none for 500 ms = lost; 0 = signed off          |
| 2          | station    | ready: 0x5244 = ready; anything else = not ready, reject every pack                       |
| 3          | station    | entries in the ring                                                                       |
| 4          | station    | session: another value after each start of the station; on a change forget all verdicts   |
| 5, 6       | station    | sequence number of the newest pack seen at the trigger, to compare with the PLC's count   |
| 16         | PLC        | version of this map: 1                                                                    |
| 17         | PLC        | heartbeat: another value with every read or program cycle                                 |
| 18, 19     | PLC        | rejects confirmed since the PLC's start                                                   |
| 20         | PLC        | reject bin full: not 0                                                                    |
| 21         | PLC        | stop requested: not 0                                                                     |
| 22         | PLC        | heartbeat losses: how often it missed the station's heartbeat and forgot all verdicts     |
| 32 + 4 i   | station    | ring entry i = sequence modulo entries: sequence low                                      |
| 33 + 4 i   | station    | sequence high                                                                             |
| 34 + 4 i   | station    | verdict: 0x5041 pass, 0x5245 reject, anything else unknown = reject                       |
| 35 + 4 i   | station    | check: sequence low XOR sequence high XOR verdict XOR 0x5A5A                              |

With position bits, for trays, there is a second ring behind the first, of as many entries, at P = 32 + 4 entries:

| P + 6 i       | station | sequence low                                                                          |
| P + 6 i + 1   | station | sequence high                                                                         |
| P + 6 i + 2   | station | bad places 1 to 16 of that tray, the lowest bit first                                 |
| P + 6 i + 3   | station | 17 to 32                                                                              |
| P + 6 i + 4   | station | 33 to 48                                                                              |
| P + 6 i + 5   | station | check: all five XOR 0x5A5A                                                            |

It is written before the reject of the same sequence number, and says which places made it one; a reject without it is the tray's
as a whole (a serial seen before, a station's fault). It lets nothing through: no serial of a rejected tray was claimed.

A pack is let through only if, when it is at the ejector, ready is set, the heartbeat runs and the entry of its sequence number
holds that number, the pass code and the right check word. The check word is there because a PLC may scan its memory while an entry
is being written: half an old pass and half a new number must not make a pass. A reject may follow a pass of the same number, and
holds; a pass never overrules a reject. After a lost heartbeat all verdicts are forgotten; the station tells again what it still
has. Sequence numbers are trigger numbers modulo 2**32.
"""

from __future__ import annotations

VERSION = 1
PASS = 0x5041
REJECT = 0x5245
READY = 0x5244
CHECK = 0x5A5A

STATION = 0
STATION_COUNT = 7
PLC = 16
PLC_COUNT = 7
PANEL = 20  # bin full, stop requested
RING = 32
ENTRY_COUNT = 4
ENTRIES_MAX = 4096
ENTRIES_PER_WRITE = 30  # 120 registers; a write takes at most 123

PLACES_ENTRY_COUNT = 6
PLACES_MAX = 48
"""Places of a tray whose bits fit."""

Words = tuple[int, int, int, int]


def entry_words(sequence: int, verdict: int) -> Words:
    """A ring entry's four registers; verdict PASS, REJECT or 0."""
    low, high = sequence & 0xFFFF, sequence >> 16 & 0xFFFF
    return low, high, verdict, low ^ high ^ verdict ^ CHECK


def read_entry(words: tuple[int, ...]) -> tuple[int, int] | None:
    """(sequence, verdict) of a ring entry's four registers; None where it is empty, torn or says neither pass nor reject."""
    low, high, verdict, check = words
    if verdict not in (PASS, REJECT) or check != low ^ high ^ verdict ^ CHECK:
        return None
    return high << 16 | low, verdict


def places_words(sequence: int, bad_places: int) -> tuple[int, ...]:
    """A places entry's six registers. bad_places: bit 0 is place 1."""
    low, high = sequence & 0xFFFF, sequence >> 16 & 0xFFFF
    bits = [bad_places >> shift & 0xFFFF for shift in (0, 16, 32)]
    return low, high, *bits, low ^ high ^ bits[0] ^ bits[1] ^ bits[2] ^ CHECK


def read_places(words: tuple[int, ...]) -> tuple[int, int] | None:
    """(sequence, bad places) of a places entry's six registers; None where it is empty or torn."""
    low, high, first, second, third, check = words
    if check != low ^ high ^ first ^ second ^ third ^ CHECK:
        return None
    return high << 16 | low, third << 32 | second << 16 | first
