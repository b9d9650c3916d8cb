"""The GS1 application identifiers: format, separator, check rules and companions of each, and nothing that acts on them.

Facts of the GS1 Barcode Syntax Dictionary (its development head, which says "Release: UNSET"), in a notation of our own; a test
compares every identifier with the dictionary where that file is at hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

RELEASE = "UNSET"
"""What the dictionary that this table equals says about its release: none yet, the head of its development in 2026."""

P = True  # predefined length: needs no separator after it
V = False  # ends at a separator or at the end of the message

_ROWS: tuple[tuple[str | bool, ...], ...] = (
    # identifiers, components, separator, required companions, excluded companions.
    # Component: N digits, X set 82, Y set 39, Z base64url, then the length ("..": up to), rules after colons, brackets = optional.
    # Required: one of the alternatives must be there; "+" joins what an alternative needs together; "n" stands for any digit.
    ("00", "N18:csum:gcppos2", P),
    ("01", "N14:csum:gcppos2", P, "", "255 37"),
    ("02", "N14:csum:gcppos2", P, "37", "01 03"),
    ("03", "N14:csum:gcppos2", P, "", "01 02 37 235"),
    ("10", "X..20", V, "01 02 03 8006 8026"),
    ("11", "N6:yymmd0", P, "01 02 03 8006 8026"),
    ("12", "N6:yymmd0", P, "8020"),
    ("13", "N6:yymmd0", P, "01 02 03 8006 8026"),
    ("15", "N6:yymmd0", P, "01 02 03 8006 8026"),
    ("16", "N6:yymmd0", P, "01 02 03 8006 8026"),
    ("17", "N6:yymmd0", P, "01 02 03 255 8006 8026"),
    ("20", "N2", P, "01 02 03 8006 8026"),
    ("21", "X..20", V, "01 03 8006", "235"),
    ("22", "X..20", V, "01"),
    ("235", "X..28", V, "01"),
    ("240", "X..30", V, "01 02 03 8006 8026"),
    ("241", "X..30", V, "01 02 03 8006 8026"),
    ("242", "N..6", V, "01 02 8006 8026"),
    ("243", "X..20", V, "01 03"),
    ("250", "X..30", V, "01+21 03+21 8006+21"),
    ("251", "X..30", V, "01 03 8006"),
    ("253", "N13:csum:gcppos1 [X..17]", V),
    ("254", "X..20", V, "414"),
    ("255", "N13:csum:gcppos1 [N..12]", V, "", "01 02 415 8006 8020 8026"),
    ("30", "N..8", V, "01 02"),
    ("3100-3105", "N6", P, "01 02", "310n"),
    ("3110-3115", "N6", P, "01 02", "311n"),
    ("3120-3125", "N6", P, "01 02", "312n"),
    ("3130-3135", "N6", P, "01 02", "313n"),
    ("3140-3145", "N6", P, "01 02", "314n"),
    ("3150-3155", "N6", P, "01 02", "315n"),
    ("3160-3165", "N6", P, "01 02", "316n"),
    ("3200-3205", "N6", P, "01 02", "320n"),
    ("3210-3215", "N6", P, "01 02", "321n"),
    ("3220-3225", "N6", P, "01 02", "322n"),
    ("3230-3235", "N6", P, "01 02", "323n"),
    ("3240-3245", "N6", P, "01 02", "324n"),
    ("3250-3255", "N6", P, "01 02", "325n"),
    ("3260-3265", "N6", P, "01 02", "326n"),
    ("3270-3275", "N6", P, "01 02", "327n"),
    ("3280-3285", "N6", P, "01 02", "328n"),
    ("3290-3295", "N6", P, "01 02", "329n"),
    ("3300-3305", "N6", P, "00 01", "330n"),
    ("3310-3315", "N6", P, "00 01", "331n"),
    ("3320-3325", "N6", P, "00 01", "332n"),
    ("3330-3335", "N6", P, "00 01", "333n"),
    ("3340-3345", "N6", P, "00 01", "334n"),
    ("3350-3355", "N6", P, "00 01", "335n"),
    ("3360-3365", "N6", P, "00 01", "336n"),
    ("3370-3375", "N6", P, "01", "337n"),
    ("3400-3405", "N6", P, "00 01", "340n"),
    ("3410-3415", "N6", P, "00 01", "341n"),
    ("3420-3425", "N6", P, "00 01", "342n"),
    ("3430-3435", "N6", P, "00 01", "343n"),
    ("3440-3445", "N6", P, "00 01", "344n"),
    ("3450-3455", "N6", P, "00 01", "345n"),
    ("3460-3465", "N6", P, "00 01", "346n"),
    ("3470-3475", "N6", P, "00 01", "347n"),
    ("3480-3485", "N6", P, "00 01", "348n"),
    ("3490-3495", "N6", P, "00 01", "349n"),
    ("3500-3505", "N6", P, "01 02", "350n"),
    ("3510-3515", "N6", P, "01 02", "351n"),
    ("3520-3525", "N6", P, "01 02", "352n"),
    ("3530-3535", "N6", P, "00 01", "353n"),
    ("3540-3545", "N6", P, "00 01", "354n"),
    ("3550-3555", "N6", P, "00 01", "355n"),
    ("3560-3565", "N6", P, "01 02", "356n"),
    ("3570-3575", "N6", P, "01 02", "357n"),
    ("3600-3605", "N6", P, "01 02", "360n"),
    ("3610-3615", "N6", P, "01 02", "361n"),
    ("3620-3625", "N6", P, "00 01", "362n"),
    ("3630-3635", "N6", P, "00 01", "363n"),
    ("3640-3645", "N6", P, "01 02", "364n"),
    ("3650-3655", "N6", P, "01 02", "365n"),
    ("3660-3665", "N6", P, "01 02", "366n"),
    ("3670-3675", "N6", P, "00 01", "367n"),
    ("3680-3685", "N6", P, "00 01", "368n"),
    ("3690-3695", "N6", P, "00 01", "369n"),
    ("37", "N..8", V, "00+02 00+8026"),
    ("3900-3909", "N..15", V, "255 8020", "390n 391n 394n 8111"),
    ("3910-3919", "N3:iso4217 N..15", V, "8020", "391n"),
    ("3920-3929", "N..15", V, "01+30 01+31nn 01+32nn 01+35nn 01+36nn", "392n 393n"),
    ("3930-3939", "N3:iso4217 N..15", V, "30 31nn 32nn 35nn 36nn", "393n"),
    ("3940-3943", "N4", V, "255", "394n 8111"),
    ("3950-3955", "N6", V, "30 31nn 32nn 35nn 36nn", "392n 393n 395n 8005"),
    ("400", "X..30", V),
    ("401", "X..30:gcppos1", V),
    ("402", "N17:csum:gcppos1", V),
    ("403", "X..30", V, "00"),
    ("410", "N13:csum:gcppos1", P),
    ("411", "N13:csum:gcppos1", P),
    ("412", "N13:csum:gcppos1", P),
    ("413", "N13:csum:gcppos1", P),
    ("414", "N13:csum:gcppos1", P),
    ("415", "N13:csum:gcppos1", P, "8020"),
    ("416", "N13:csum:gcppos1", P),
    ("417", "N13:csum:gcppos1", P),
    ("420", "X..20", V, "", "421"),
    ("421", "N3:iso3166 X..9", V, "", "4307"),
    ("422", "N3:iso3166", V, "01 02 03 8006 8026", "426"),
    ("423", "N3:iso3166 [N3]:iso3166 [N3]:iso3166 [N3]:iso3166 [N3]:iso3166", V, "01 02 03", "426"),
    ("424", "N3:iso3166", V, "01 02 03", "426"),
    ("425", "N3:iso3166 [N3]:iso3166 [N3]:iso3166 [N3]:iso3166 [N3]:iso3166", V, "01 02 03", "426"),
    ("426", "N3:iso3166", V, "01 02 03"),
    ("427", "X..3", V, "01+422 02+422 03+422"),
    ("4300", "X..35:pcenc", V, "00"),
    ("4301", "X..35:pcenc", V, "00"),
    ("4302", "X..70:pcenc", V, "00"),
    ("4303", "X..70:pcenc", V, "4302"),
    ("4304", "X..70:pcenc", V, "00"),
    ("4305", "X..70:pcenc", V, "00"),
    ("4306", "X..70:pcenc", V, "00"),
    ("4307", "X2:iso3166alpha2", V, "00"),
    ("4308", "X..30", V, "00"),
    ("4309", "N10:latitude N10:longitude", V, "00"),
    ("4310", "X..35:pcenc", V, "00"),
    ("4311", "X..35:pcenc", V, "00"),
    ("4312", "X..70:pcenc", V, "00"),
    ("4313", "X..70:pcenc", V, "4312"),
    ("4314", "X..70:pcenc", V, "00"),
    ("4315", "X..70:pcenc", V, "00"),
    ("4316", "X..70:pcenc", V, "00"),
    ("4317", "X2:iso3166alpha2", V, "00"),
    ("4318", "X..20", V, "00"),
    ("4319", "X..30", V, "00"),
    ("4320", "X..35:pcenc", V, "00"),
    ("4321", "N1:yesno", V, "00"),
    ("4322", "N1:yesno", V, "00"),
    ("4323", "N1:yesno", V, "00"),
    ("4324", "N6:yymmd0 N4:hhmi", V, "00"),
    ("4325", "N6:yymmd0 N4:hhmi", V, "00"),
    ("4326", "N6:yymmdd", V, "00"),
    ("4330", "N6 [X1]:hyphen", V, "00", "4331"),
    ("4331", "N6 [X1]:hyphen", V, "00", "4330"),
    ("4332", "N6 [X1]:hyphen", V, "00", "4333"),
    ("4333", "N6 [X1]:hyphen", V, "00", "4332"),
    ("7001", "N13", V, "01 02 8006 8026"),
    ("7002", "X..30", V, "01 02"),
    ("7003", "N6:yymmdd N4:hhmi", V, "01 02 03"),
    ("7004", "N..4", V, "01+10 03+10"),
    ("7005", "X..12", V, "01 02"),
    ("7006", "N6:yymmdd", V, "01 02"),
    ("7007", "N6:yymmdd [N6]:yymmdd", V, "01 02"),
    ("7008", "X..3", V, "01 02"),
    ("7009", "X..10", V, "01 02"),
    ("7010", "X..2", V, "01 02 03"),
    ("7011", "N6:yymmdd [N4]:hhmi", V, "01 02 03"),
    ("7020", "X..20", V, "01+416 03+416 8006+416"),
    ("7021", "X..20", V, "01 03 8006"),
    ("7022", "X..20", V, "01+7021 03+7021 8006+7021"),
    ("7023", "X..30:gcppos1", V),
    ("7030", "N3:iso3166999 X..27", V, "01 02"),
    ("7031", "N3:iso3166999 X..27", V, "01 02"),
    ("7032", "N3:iso3166999 X..27", V, "01 02"),
    ("7033", "N3:iso3166999 X..27", V, "01 02"),
    ("7034", "N3:iso3166999 X..27", V, "01 02"),
    ("7035", "N3:iso3166999 X..27", V, "01 02"),
    ("7036", "N3:iso3166999 X..27", V, "01 02"),
    ("7037", "N3:iso3166999 X..27", V, "01 02"),
    ("7038", "N3:iso3166999 X..27", V, "01 02"),
    ("7039", "N3:iso3166999 X..27", V, "01 02"),
    ("7040", "N1 X1 X1 X1:importeridx", V),
    ("7041", "X..4:packagetype", V, "00"),
    ("710", "X..20", V, "01"),
    ("711", "X..20", V, "01"),
    ("712", "X..20", V, "01"),
    ("713", "X..20", V, "01"),
    ("714", "X..20", V, "01"),
    ("715", "X..20", V, "01"),
    ("716", "X..20", V, "01"),
    ("717", "X..20", V, "01"),
    ("7230", "X2 X..28", V, "01 8004"),
    ("7231", "X2 X..28", V, "01 8004"),
    ("7232", "X2 X..28", V, "01 8004"),
    ("7233", "X2 X..28", V, "01 8004"),
    ("7234", "X2 X..28", V, "01 8004"),
    ("7235", "X2 X..28", V, "01 8004"),
    ("7236", "X2 X..28", V, "01 8004"),
    ("7237", "X2 X..28", V, "01 8004"),
    ("7238", "X2 X..28", V, "01 8004"),
    ("7239", "X2 X..28", V, "01 8004"),
    ("7240", "X..20", V, "01 8006", "03"),
    ("7241", "N2:mediatype", V, "8017 8018"),
    ("7242", "X..25", V, "8017 8018"),
    ("7250", "N8:yyyymmdd", V, "8018", "7251"),
    ("7251", "N8:yyyymmdd N4:hhmi", V, "8018", "7250"),
    ("7252", "N1:iso5218", V, "8018"),
    ("7253", "X..40:pcenc", V, "8017 8018", "7256 7259"),
    ("7254", "X..40:pcenc", V, "8017 8018", "7256 7259"),
    ("7255", "X..10", V, "8017 8018", "7256 7259"),
    ("7256", "X..90:pcenc", V, "8017 8018"),
    ("7257", "X..70:pcenc", V, "8018"),
    ("7258", "X3:posinseqslash", V, "8018+7259"),
    ("7259", "X..40:pcenc", V, "8018", "7256"),
    ("8001", "N4:nonzero N5:nonzero N3:nonzero N1:winding N1", V, "01"),
    ("8002", "X..20", V),
    ("8003", "N1:zero N13:csum:gcppos1 [X..16]", V),
    ("8004", "X..30:gcppos1", V),
    ("8005", "N6", V, "01 02"),
    ("8006", "N14:csum:gcppos2 N4:pieceoftotal", V, "", "01 03 37"),
    ("8007", "X..34:iban", V, "415"),
    ("8008", "N6:yymmdd N2:hh [N2]:mi [N2]:ss", V, "01 02 03"),
    ("8009", "X..50", V, "00 01 03"),
    ("8010", "Y..30:gcppos1", V),
    ("8011", "N..12:nozeroprefix", V, "8010"),
    ("8012", "X..20", V, "01 03 8006"),
    ("8013", "X..25:csumalpha:gcppos1", V),
    ("8014", "X..25:csumalpha:gcppos1:hasnondigit", V, "01"),
    ("8017", "N18:csum:gcppos1", V, "", "8018"),
    ("8018", "N18:csum:gcppos1", V, "", "8017"),
    ("8019", "N..10", V, "8017 8018"),
    ("8020", "X..25", V, "415"),
    ("8026", "N14:csum:gcppos2 N4:pieceoftotal", V, "37", "02 03 8006"),
    ("8030", "Z..90", V, "00 01+21 03+21 253 255 8003 8004 8006+21 8010+8011 8017 8018"),
    ("8040", "N15", V, "01+21"),
    ("8041", "N15", V, "01+21+8040"),
    ("8042", "N32", V, "01+21+8040"),
    ("8043", "N18 [N..2]", V, "01+21+8040"),
    ("8110", "X..70:couponcode", V),
    ("8111", "N4", V, "255"),
    ("8112", "X..70:couponposoffer", V),
    ("8200", "X..70", V, "01"),
    ("90", "X..30", V),
    ("91-99", "X..90", V),
)


@dataclass(frozen=True, slots=True)
class Component:
    """A part of an element's value: kind N, X, Y or Z, length in characters, and the rules its text must obey."""

    kind: str
    length_min: int
    length_max: int
    optional: bool
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Element:
    """One application identifier.

    predefined: the length is known from the identifier, so that no separator follows.
    requires: alternatives, each a group of sets; an alternative holds when every set of it has an identifier in the message.
    excludes: identifiers that may not stand in the same message.
    """

    identifier: str
    components: tuple[Component, ...]
    predefined: bool
    requires: tuple[tuple[frozenset[str], ...], ...]
    excludes: frozenset[str]

    @property
    def length_max(self) -> int:
        return sum(component.length_max for component in self.components)


def _component(text: str) -> Component:
    optional = text.startswith("[")
    shape, *rules = text.replace("[", "").replace("]", "").split(":")
    longest = int(shape[1:].lstrip("."))
    return Component(shape[0], 1 if ".." in shape else longest, longest, optional, tuple(rules))


def _identifiers(text: str) -> list[str]:
    first, _, last = text.partition("-")
    return [str(number).zfill(len(first)) for number in range(int(first), int(last or first) + 1)]


@cache  # a few patterns stand at hundreds of rows
def _matching(pattern: str, known: frozenset[str]) -> frozenset[str]:
    return frozenset(
        identifier
        for identifier in known
        if len(identifier) == len(pattern) and all(p in ("n", c) for p, c in zip(pattern, identifier, strict=True))
    )


@cache
def elements() -> dict[str, Element]:
    """All application identifiers, "01" -> Element."""
    known = frozenset(identifier for row in _ROWS for identifier in _identifiers(str(row[0])))
    table: dict[str, Element] = {}
    for row in _ROWS:
        names, shape, predefined, required, excluded = (*row, "", "")[:5]
        components = tuple(_component(text) for text in str(shape).split())
        requires = tuple(
            tuple(_matching(pattern, known) for pattern in alternative.split("+")) for alternative in str(required).split()
        )
        for identifier in _identifiers(str(names)):
            excludes = frozenset[str]().union(*(_matching(pattern, known) for pattern in str(excluded).split())) - {identifier}
            table[identifier] = Element(identifier, components, bool(predefined), requires, excludes)
    return table
