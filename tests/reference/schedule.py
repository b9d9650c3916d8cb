"""A slow plain twin of vision.reject.schedule: written from its table of events, with lists and fractions."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import Any

SLACK = 4  # counts an encoder observation may be off


class PlainSchedule:
    """distance: ns (encoder False) or counts (encoder True). Gives plain tuples (trigger, accept, due_ns)."""

    def __init__(
        self,
        encoder: bool,
        distance: int,
        limit: int,
        rate_max: int = 1,
        lost_ns: int = 1,
        window_ns: int = 1,
        backlash: int = 0,
        modulus: int = 1,
    ) -> None:
        self.encoder, self.distance, self.limit = encoder, distance, limit
        self.rate_max, self.lost_ns, self.window_ns, self.backlash, self.modulus = rate_max, lost_ns, window_ns, backlash, modulus
        self.packs: list[dict[str, Any]] = []  # all packs ever, in order of their expects
        self.seen: list[tuple[int, int, int]] = []  # observations since the last break: time, unwrapped count, raw count
        self.now = 0
        self.late = self.unknown = 0

    def find(self, trigger: int) -> dict[str, Any] | None:
        return next((pack for pack in reversed(self.packs) if pack["trigger"] == trigger), None)

    def under_way(self) -> list[dict[str, Any]]:
        return [pack for pack in self.packs if not pack["settled"]]

    def nearest(self, raw: int) -> int:
        """The shorter way from the newest raw count to this one."""
        forward = (raw - self.seen[-1][2]) % self.modulus
        return forward if forward < self.modulus - forward else forward - self.modulus

    def reach(self, elapsed_ns: int) -> int:
        return floor(Fraction(self.rate_max * elapsed_ns, 10**9)) + SLACK

    def rate(self) -> Fraction:
        """Counts per ns over the shortest tail of the history that spans the window, or over all of it."""
        newest = self.seen[-1]
        tail = [old for old in self.seen[:-1] if newest[0] - old[0] >= self.window_ns]
        base = tail[-1] if tail else self.seen[0]
        if base[0] == newest[0]:
            return Fraction(0)
        return min(max(Fraction(newest[1] - base[1], newest[0] - base[0]), Fraction(0)), Fraction(self.rate_max, 10**9))

    def base_ns(self) -> int:
        newest = self.seen[-1]
        tail = [old for old in self.seen[:-1] if newest[0] - old[0] >= self.window_ns]
        return tail[-1][0] if tail else self.seen[0][0]

    def belt(self, now: int) -> int | None:
        if not self.seen or now - self.seen[-1][0] > self.lost_ns:
            return None
        return self.seen[-1][1] + floor(self.rate() * max(0, now - self.seen[-1][0]))

    def expect(self, trigger: int, arrival: int, raw: int | None) -> bool:
        known = self.find(trigger)
        if known is not None:
            if not known["settled"]:
                known["bad"] = True
            return False
        if len(self.under_way()) >= self.limit:
            return False
        due: int | None = None
        if not self.encoder:
            due = arrival + self.distance
        elif raw is not None:
            self.observe(arrival, raw)
            moved = self.nearest(raw)
            if -self.reach(max(0, self.seen[-1][0] - arrival)) <= moved <= self.backlash + SLACK:
                due = self.seen[-1][1] + moved + self.distance
        self.packs.append(
            {"trigger": trigger, "due": due, "known": arrival, "good": False, "bad": False, "settled": False, "lost": 0}
        )
        if due is None:
            self.packs[-1]["lost"] = self.loss_order()
        return True

    def loss_order(self) -> int:
        return 1 + max((pack["lost"] for pack in self.packs), default=0)

    def observe(self, now: int, raw: int) -> None:
        if not self.encoder:
            return
        if not self.seen:
            self.seen = [(now, raw, raw)]
            return
        time, count, _ = self.seen[-1]
        if now <= time:
            return
        moved = self.nearest(raw)
        if now - time > self.lost_ns or moved < -self.backlash or moved > self.reach(now - time):
            self.seen = [(now, raw, raw)]
            self.lose(now)
        else:
            self.seen.append((now, count + moved, raw))

    def lose(self, now: int) -> None:
        for pack in sorted((p for p in self.under_way() if p["due"] is not None), key=lambda p: (p["due"], p["trigger"])):
            pack["due"], pack["known"], pack["lost"] = None, now, self.loss_order()

    def passed(self, trigger: int, now: int) -> bool:
        self.now = max(self.now, now)
        pack = self.find(trigger)
        if pack is None:
            self.unknown += 1
            return False
        if pack["settled"]:
            self.late += 1
            return False
        if pack["bad"]:
            return False
        reached = self.belt(self.now) if self.encoder else self.now
        if pack["due"] is None or reached is None or pack["due"] <= reached:
            self.late += 1
            pack["bad"] = True
            return False
        pack["good"] = True
        return True

    def rejected(self, trigger: int) -> bool:
        pack = self.find(trigger)
        if pack is None or pack["settled"]:
            return False
        pack["bad"] = True
        return True

    def due(self, now: int) -> list[tuple[int, bool, int]]:
        self.now = max(self.now, now)
        reached = self.belt(self.now) if self.encoder else self.now
        if reached is None:
            self.lose(self.now)
        fates = self.lost_fates()
        ready = [p for p in self.under_way() if reached is not None and p["due"] <= reached]
        for pack in sorted(ready, key=lambda p: (p["due"], p["trigger"])):
            pack["settled"] = True
            fates.append((pack["trigger"], pack["good"] and not pack["bad"], self.crossed(pack["due"])))
        return fates

    def lost_fates(self) -> list[tuple[int, bool, int]]:
        lost = sorted((p for p in self.under_way() if p["due"] is None), key=lambda p: p["lost"])
        for pack in lost:
            pack["settled"] = True
        return [(pack["trigger"], False, pack["known"]) for pack in lost]

    def crossed(self, due: int) -> int:
        if not self.encoder:
            return due
        time, count, _ = self.seen[-1]
        rate = self.rate()
        moment = time if rate == 0 else ceil(time + (due - count) / rate)
        return min(max(moment, self.base_ns()), self.now)

    def reject_all(self, now: int) -> list[tuple[int, bool, int]]:
        self.now = max(self.now, now)
        self.lose(self.now)
        return self.lost_fates()
