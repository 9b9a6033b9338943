# SPDX-License-Identifier: EUPL-1.2
"""The state file, secrets and settings of a stack."""

import json
import stat
from pathlib import Path

import pytest

from kit.jose import PrivateKey
from local_stack import state, status
from local_stack.account import ordinary
from local_stack.control import ControlServer, ask
from local_stack.environment import Surroundings
from local_stack.errors import StackError
from local_stack.keys import Keyring
from local_stack.layout import Layout
from local_stack.offices import HEALTH, MARKET_REGULATION
from local_stack.seed import office_records, read_catalogue, system_records
from local_stack.state import ProcessState, StackState
from local_stack.table import DEPLOYMENTS, processes


def _state() -> StackState:
    known = {"ledger": ProcessState("ledger", "ready", pid=7, started=1.5, ports={"public": 1})}
    return StackState("r1", "abc", "laptop", "ready", (1, 2.5), processes=known)


def _layout(folder: Path) -> Layout:
    for name in ("state", "run"):
        (folder / name).mkdir()
    return Layout(folder / "state", folder / "run")


def _surroundings(layout: Layout) -> Surroundings:
    ports = {one.name: {"public": 7000 + n, "internal": 8000 + n} for n, one in enumerate(processes("pairs"))}
    return Surroundings(layout, "pairs", ports, "127.0.0.1:5432", "127.0.0.1:9092")


def test_the_state_comes_back_as_it_was_written_and_is_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state.write(path, _state())
    assert state.read(path) == _state()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"processes": {}}'])
def test_a_broken_state_file_counts_as_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    assert state.read(path) is None


def test_keys_are_made_once_and_readable_by_their_owner_alone(tmp_path: Path) -> None:
    layout = _layout(tmp_path)
    keyring = Keyring(layout, ordinary())
    keyring.make()
    first = {path: path.read_text() for path in layout.run.rglob("*") if path.is_file()}
    keyring.make()
    assert {path: path.read_text() for path in layout.run.rglob("*") if path.is_file()} == first
    assert {stat.S_IMODE(path.stat().st_mode) for path in first} == {0o600}
    held = {path.name for path in layout.secrets("certificates-1").iterdir()}
    assert held >= {"sig.jwk", "share.key", f"issuing-{HEALTH}.jwk", f"answering-{HEALTH}.jwk"}


def test_the_platforms_private_key_lies_with_three_services_only(tmp_path: Path) -> None:
    layout = _layout(tmp_path)
    Keyring(layout, ordinary()).make()
    holders = {path.parent.name: path.read_text() for path in layout.run.rglob("platform.jwk")}
    assert set(holders) == {"cases", "exchange-bus", "ledger"}
    assert len(set(holders.values())) == 1


def test_records_hold_public_keys_only(tmp_path: Path) -> None:
    keyring = Keyring(_layout(tmp_path), ordinary())
    keyring.make()
    offices, systems = office_records(keyring), system_records(keyring)
    for record in offices + systems:
        for key in record["keys"]:
            assert "d" not in key["jwk"]
            assert key["kid"] == key["jwk"]["kid"]
    uses = {record["office"]: sorted(key["use"] for key in record["keys"]) for record in offices}
    assert uses[MARKET_REGULATION] == ["answering", "inbox", "issuing"]
    assert uses["platform"] == ["answering"]
    assert {record["systemId"] for record in systems} >= {*DEPLOYMENTS, "licensing", "portal"}


def test_the_trust_file_pins_three_public_keys(tmp_path: Path) -> None:
    layout = _layout(tmp_path)
    keyring = Keyring(layout, ordinary())
    keyring.make()
    trust = json.loads(layout.trust_file.read_text())
    assert set(trust) == {"registry", "catalogue", "bootstrap"}
    assert trust["bootstrap"] == PrivateKey.load(layout.bootstrap_key).public.jwk()


def test_settings_carry_the_prefix_and_no_password(tmp_path: Path) -> None:
    around = _surroundings(_layout(tmp_path))
    gateway = next(one for one in processes("pairs") if one.name == "gateway")
    settings = around.of(gateway)
    assert all(name.startswith("GATEWAY_") for name in settings)
    assert settings["GATEWAY_DATABASE_URL"] == "postgresql://gateway@127.0.0.1:5432/gateway"
    upstreams = json.loads(settings["GATEWAY_UPSTREAMS"])
    assert upstreams["certificates-1"] == around.urls("certificates-1")
    assert len(upstreams["certificates-1"]) == 2


def test_two_processes_of_a_deployment_share_keys_and_not_replicas(tmp_path: Path) -> None:
    around = _surroundings(_layout(tmp_path))
    one, two = [around.of(process) for process in processes("pairs") if process.deployment == "certificates-2"]
    assert one["CERTIFICATES_SECRETS_DIR"] == two["CERTIFICATES_SECRETS_DIR"]
    assert one["CERTIFICATES_REPLICA_DIR"] != two["CERTIFICATES_REPLICA_DIR"]
    assert one["CERTIFICATES_OFFICES"] == MARKET_REGULATION


def test_dates_in_the_catalogue_stay_text_and_personas_stand_apart(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: office\nfrom: 2026-01-01\n---\n- {kind: power, id: P-1}\n")
    (tmp_path / "personas.yaml").write_text('- {persona: li-na, number: "999900199001010016"}\n')
    entries, personas = read_catalogue(tmp_path)
    assert entries == [{"kind": "office", "from": "2026-01-01"}, {"kind": "power", "id": "P-1"}]
    assert personas == [{"persona": "li-na", "number": "999900199001010016"}]


def test_the_supervisors_socket_is_the_owners_alone_and_refusals_keep_their_code(tmp_path: Path) -> None:
    def refuse(_args: dict[str, object]) -> object:
        raise StackError("NOT_RUNNING", "it isn't")

    server = ControlServer(tmp_path / "c", {"echo": lambda args: args, "refuse": refuse})
    try:
        assert stat.S_IMODE((tmp_path / "c").stat().st_mode) == 0o600
        assert ask(tmp_path / "c", "echo", word="hello") == {"word": "hello"}
        with pytest.raises(StackError, match="NOT_RUNNING: it isn't"):
            ask(tmp_path / "c", "refuse")
        with pytest.raises(StackError, match="REQUEST_WRONG"):
            ask(tmp_path / "c", "no-such-verb")
    finally:
        server.close()
    with pytest.raises(StackError, match="SUPERVISOR_AWAY"):
        ask(tmp_path / "c", "echo")


def test_figures_are_summed_over_labels() -> None:
    page = '# HELP x\ntongban_lag{topic="a"} 2.0\ntongban_lag{topic="b"} 3\nother 9\n'
    assert status.figure(page, "tongban_lag") == 5
    assert status.figure(page, "absent") is None
