# SPDX-License-Identifier: EUPL-1.2
"""What operators may set."""

import pytest

from cases.settings import Settings
from contracts.catalogue.clocks import ASKER
from kit.settings import SettingsErrors, load

GOOD = {
    "CASES_DATABASE_URL": "postgresql://cases@127.0.0.1/cases",
    "CASES_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
    "CASES_PORT": "7101",
    "CASES_INTERNAL_PORT": "7201",
    "CASES_SYSTEM": "cases",
    "CASES_OPERATOR": "119999000000002030",
    "CASES_PUBLIC_URL": "https://gateway.example",
    "CASES_SECRETS_DIR": "/secrets",
    "CASES_TRUST_FILE": "/trust.json",
    "CASES_REPLICA_DIR": "/replica",
    "CASES_IDENTITY_URLS": "http://127.0.0.1:1",
    "CASES_EXCHANGE_BUS_URLS": "http://127.0.0.1:2",
}


def test_no_asker_may_be_set_to_wait_less_than_releases_are_checked_with() -> None:
    checked = int(ASKER.total_seconds())
    assert load(Settings, GOOD).ask_deadline_s == checked
    assert load(Settings, {**GOOD, "CASES_ASK_DEADLINE_S": f"{checked + 1}"}).ask_deadline_s == checked + 1
    with pytest.raises(SettingsErrors) as refused:
        load(Settings, {**GOOD, "CASES_ASK_DEADLINE_S": f"{checked - 1}"})
    assert [line.split(":")[0] for line in refused.value.lines] == ["CASES_ASK_DEADLINE_S"]
