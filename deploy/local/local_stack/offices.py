# SPDX-License-Identifier: EUPL-1.2
"""The offices of the demo country, by their codes (USCC): all fictional. Which deployment answers for whom."""

from typing import Final

CIVIL_AFFAIRS: Final = "119999000000000198"
PUBLIC_SECURITY: Final = "119999000000000273"
HEALTH: Final = "11999900000000035X"
MEDICAL_INSURANCE: Final = "11999900000000043Q"
HRSS: Final = "11999900000000051K"
MARKET_REGULATION: Final = "1199990000000006XB"
FIRE: Final = "11999900000000078B"
URBAN_MANAGEMENT: Final = "119999000000000866"
TAX: Final = "119999000000000941"
NATURAL_RESOURCES: Final = "11999900000000107N"
HOUSING: Final = "11999900000000115H"
PROVIDENT_FUND: Final = "129999000000001239"
TOBACCO: Final = "119999000000001317"
EDUCATION: Final = "1199990000000014XY"
WATER: Final = "91999900000000166H"
POWER: Final = "91999900000000174C"
GAS: Final = "919999000000001827"
DATA_OFFICE: Final = "119999000000002030"
COURT: Final = "11999900000000211T"
NEIGHBOUR_POLICE: Final = "11999900000000238J"

REGISTRIES: Final = (HEALTH, NATURAL_RESOURCES)
SHARED: Final = (
    CIVIL_AFFAIRS,
    PUBLIC_SECURITY,
    MEDICAL_INSURANCE,
    HRSS,
    FIRE,
    URBAN_MANAGEMENT,
    TAX,
    HOUSING,
    PROVIDENT_FUND,
    TOBACCO,
    EDUCATION,
    WATER,
    POWER,
    GAS,
    DATA_OFFICE,
    COURT,
    NEIGHBOUR_POLICE,
)
"""Offices without a deployment of their own: they share nothing in it but the process and the database server."""

SYSTEMS: Final = {
    "licensing": MARKET_REGULATION,
    "tax-office": TAX,
    "health-registry": HEALTH,
    "land-registry": NATURAL_RESOURCES,
    "public-security": PUBLIC_SECURITY,
    "hrss": HRSS,
    "housing": HOUSING,
    "fire-brigade": FIRE,
    "urban-management": URBAN_MANAGEMENT,
    "tobacco-office": TOBACCO,
    "data-office-desk": DATA_OFFICE,
    "civil-affairs": CIVIL_AFFAIRS,
    "neighbour-police": NEIGHBOUR_POLICE,
    "medical-insurance": MEDICAL_INSURANCE,
    "provident-fund": PROVIDENT_FUND,
    "education": EDUCATION,
    "water": WATER,
    "power": POWER,
    "gas": GAS,
    "court": COURT,
}
"""Office systems that talk to the gateway with the SDK: system id -> the office that runs it."""
