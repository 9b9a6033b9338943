# SPDX-License-Identifier: EUPL-1.2
"""The licence id (GB/T 36904): `1.2.156.3005.2.{type}.{issuer}.{serial}.{version}.{check}`.

It belongs to one version of a certificate. The store's own key is the certificate id, the same for all versions.
"""

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from contracts.identifiers.invalid import IdentifierInvalid
from contracts.identifiers.organisation import is_uscc

ROOT: Final = "1.2.156.3005.2"
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_VALUES: Final = {character: value for value, character in enumerate(_ALPHABET)}
_SHAPE: Final = re.compile(
    r"1\.2\.156\.3005\.2\.([0-9A-Z]{18}[0-9]{3})\.([0-9A-Z]{18}|[0-9]{6})\.([0-9A-Z]{1,32})\.([0-9]{3})\.([0-9A-Z])",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class LicenceId:
    """A licence id by its parts.

    type_code: USCC of the body that defines the type + 3 digits. issuer: USCC (when read, also a 6-digit area code).
    serial: 1 to 32 digits and capitals, never a citizen number. version: from 1.
    """

    type_code: str
    issuer: str
    serial: str
    version: int

    @property
    def check(self) -> str:
        """The check character."""
        return licence_check_character(f"{self.type_code}{self.issuer}{self.serial}{self.version:03d}")

    def __str__(self) -> str:
        return f"{ROOT}.{self.type_code}.{self.issuer}.{self.serial}.{self.version:03d}.{self.check}"

    def amended(self) -> "LicenceId":
        """Give the id of the next version: serial kept, version raised. Raises IdentifierInvalid after 999."""
        if self.version >= 999:
            raise IdentifierInvalid("licenceId", "form")
        return replace(self, version=self.version + 1)


def parse_licence_id(text: str) -> LicenceId:
    """Read a licence id. An issuer that is a 6-digit area code occurs in the wild and is accepted here alone.

    Raises IdentifierInvalid: form, part (a code inside fails its own check), check.
    """
    found = _SHAPE.fullmatch(text)
    if found is None or found[4] == "000":
        raise IdentifierInvalid("licenceId", "form")
    licence = LicenceId(found[1], found[2], found[3], int(found[4]))
    if not is_uscc(licence.type_code[:18]) or (len(licence.issuer) == 18 and not is_uscc(licence.issuer)):
        raise IdentifierInvalid("licenceId", "part")
    if licence.check != found[5]:
        raise IdentifierInvalid("licenceId", "check")
    return licence


def mint_licence_id(type_code: str, issuer: str, serial: str, version: int = 1) -> LicenceId:
    """Make a licence id; `str()` of it is the text. The issuer must be a USCC. Raises IdentifierInvalid."""
    if len(issuer) != 18:
        raise IdentifierInvalid("licenceId", "part")
    return parse_licence_id(str(LicenceId(type_code, issuer, serial, version)))


def mint_serial(issued_on: date, number: int) -> str:
    """Make a serial: date + 6 digits. number: from the issuer's leased block, 1 to 999999 a day."""
    if not 0 < number <= 999_999:
        raise ValueError("a day has 999999 serials")
    return f"{issued_on:%Y%m%d}{number:06d}"


def licence_check_character(text: str) -> str:
    """Compute the check over type, issuer, serial and version without dots: ISO/IEC 7064 hybrid MOD 37,36."""
    product = 36
    for character in text:
        product = (product + _VALUES.get(character, 0)) % 36 or 36
        product = product * 2 % 37
    return _ALPHABET[(37 - product) % 36]
