# SPDX-License-Identifier: EUPL-1.2
"""Apache Kafka as a single node (KRaft), from jars, as a direct child.

Topics are made by ``kit.kafka`` from the table in ``contracts``; here lives only what a broker is.
"""

import base64
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local_stack import jars, java
from local_stack.account import Account, copy_tree_for, environment
from local_stack.child import Child
from local_stack.errors import StackError
from local_stack.ports import LOOPBACK

STOP_SIGNAL = signal.SIGTERM
RUN_FLAGS = (
    *("-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError"),
    *("-Djava.awt.headless=true", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"),
)
_GROUP = b"tongban-runner"
FORMAT_FLAGS = ("-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=CLIENT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENT://127.0.0.1:{advertised},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENT
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
log.dirs={data}
auto.create.topics.enable=false
# one node: every internal topic has one copy
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# small and quick; the log cleaner alone would reserve 128 MB
log.cleaner.dedupe.buffer.size=10485760
offsets.topic.num.partitions=3
transaction.state.log.num.partitions=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# after SIGKILL the controller lets the broker in again only when its old session ends
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=300
num.io.threads=2
num.network.threads=2
"""


@dataclass(frozen=True)
class Ports:
    """client: where it listens. advertised: where clients are sent (a fault proxy's port, or the same)."""

    client: int
    controller: int
    advertised: int


def cluster_id() -> str:
    """16 random bytes in base64url without padding; never with a leading '-', which a command line takes for a flag."""
    while True:
        text = base64.urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode()
        if not text.startswith("-"):
            return text


class Broker:
    """One broker's folder and how to start it."""

    def __init__(self, folder: Path, account: Account, ports: Ports) -> None:
        """folder: owned by *account*; holds ``data``, ``server.properties`` and, if need be, jars and Java."""
        self.folder = folder
        self.account = account
        self.ports = ports
        self.data = folder / "data"
        self.properties = folder / "server.properties"
        self._java: Path | None = None
        self._libs: Path | None = None

    @property
    def bootstrap(self) -> str:
        """The address for clients."""
        return f"{LOOPBACK}:{self.ports.advertised}"

    def make(self, progress: jars.Progress = lambda _done, _all: None) -> None:
        """Get jars and Java, write the settings, format the data folder once. Raises StackError."""
        self.account.make_folder(self.folder)
        self._java = java.usable_by(self.account, java.find(), self.folder)
        self._libs = self._readable(jars.ensure(progress))
        self.properties.write_text(PROPERTIES.format(**vars(self.ports), data=self.data))
        self.account.give(self.properties)
        if not (self.data / "meta.properties").exists():
            self._format()

    def command(self) -> list[str]:
        """The command line of the broker; after ``make``."""
        return self._command(RUN_FLAGS, "kafka.Kafka", str(self.properties))

    def start(self, log: Path, on_exit: Callable[[int], None]) -> Child:
        """Start the broker. It writes its garbage-collector and crash files into its own folder."""
        return Child(self.command(), self.account, log, {"LOG_DIR": str(self.folder)}, on_exit)

    def _command(self, flags: tuple[str, ...], main: str, *args: str) -> list[str]:
        return [str(self._java), *flags, "-cp", f"{self._libs}/*", main, *args]

    def _format(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        args = ("format", "--standalone", "-t", cluster_id(), "-c", str(self.properties))
        command = self._command(FORMAT_FLAGS, "kafka.tools.StorageTool", *args)
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment(), **self.account.popen()
        )
        if done.returncode != 0:
            raise StackError("KAFKA_FORMAT_FAILED", (done.stderr + done.stdout).strip()[-1500:])

    def _readable(self, libs: Path) -> Path:
        sample = next(libs.glob("kafka*.jar"))
        if self.account.can_run(["/bin/sh", "-c", 'test -r "$1"', "sh", str(sample)]):
            return libs
        return copy_tree_for(self.account, libs, self.folder / libs.name)


def wait_ready(
    address: str, timeout_s: float, *, nodes: int | None = 1, alive: Callable[[], bool] = lambda: True
) -> None:
    """Wait for a metadata answer with *nodes* brokers (None: any number). Raises StackError (`KAFKA_NOT_READY`)."""
    end = time.monotonic() + timeout_s
    while (found := brokers(address)) is None or nodes not in (None, found):
        if not alive() or time.monotonic() > end:
            raise StackError("KAFKA_NOT_READY", f"no metadata answer at {address} within {timeout_s:g} s; see its log")
        time.sleep(0.1)


def brokers(address: str) -> int | None:
    """How many brokers the server at *address* names in a metadata answer; None when it doesn't answer.

    Spoken by hand, 40 bytes, so that the runner depends on no Kafka client. Source: Kafka protocol, Metadata v1.
    """
    answer = _ask(address, struct.pack(">hhihi", 3, 1, 1, -1, 0))
    return None if answer is None else int(struct.unpack_from(">i", answer, 4)[0])


def wait_for_groups(address: str, timeout_s: float) -> None:
    """Wait until consumer groups can be joined. Raises StackError (`KAFKA_NOT_READY`).

    A new broker makes its own topic for them at the first question, and refuses for a second meanwhile: asked here,
    no service has to see that. Source: Kafka protocol, FindCoordinator v0.
    """
    end = time.monotonic() + timeout_s
    request = struct.pack(">hhihh", 10, 0, 1, -1, len(_GROUP)) + _GROUP
    while (answer := _ask(address, request)) is None or struct.unpack_from(">h", answer, 4)[0] != 0:
        if time.monotonic() > end:
            raise StackError("KAFKA_NOT_READY", f"no group coordinator at {address} within {timeout_s:g} s")
        time.sleep(0.1)


def _ask(address: str, request: bytes, timeout_s: float = 2.0) -> bytes | None:
    """One question, one answer of at least 8 bytes; None when there is none."""
    host, _, port = address.partition(",")[0].rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=timeout_s) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            (size,) = struct.unpack(">i", _exactly(connection, 4))
            answer = _exactly(connection, min(size, 65536))
    except (OSError, ValueError, struct.error):
        return None
    return answer if len(answer) >= 8 else None


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise OSError("closed in the middle of an answer")
        data += more
    return data
