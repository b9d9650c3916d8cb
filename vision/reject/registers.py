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
