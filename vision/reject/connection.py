"""One Modbus TCP connection that never blocks: one request under way at a time, its answer read when it is there.

pymodbus' own synchronous client blocks until the answer is there (a PLC may take a program cycle, 5-50 ms) and sets up its
socket with blocking calls; a due time must not wait for either. So only the library's requests, framing and decoding are used.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import select
import socket

from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU

_ANSWER_MAX = 4096  # bytes without a whole answer in them: not a Modbus peer


class ConnectionLostError(Exception):
    """What went wrong, in words; the connection is closed."""


def resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    """The address of a host, IPv4 before IPv6; looked up once, as a name server may take its time. OSError where there is none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    return family, (str(address[0]), int(address[1]))


def is_loopback(host: str) -> bool:
    """The host is this machine, under every address its name has."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ipaddress.ip_address(str(address[0]).split("%")[0]).is_loopback for *_, address in found)


class Connection:
    """A connection to be: connected() and answer() are polled, request() sends."""

    def __init__(self, family: socket.AddressFamily, address: tuple[str, int], device_id: int) -> None:
        self._framer = FramerSocket(DecodePDU(False))
        self._device_id = device_id
        self._transaction = 0
        self._waiting = False
        self._received = b""
        self._established = False
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = self._socket.connect_ex(address)
        if code not in (0, errno.EINPROGRESS):
            self.close()
            raise ConnectionLostError(errno.errorcode.get(code, str(code)))

    @property
    def waiting(self) -> bool:
        """A request is under way."""
        return self._waiting

    @property
    def established(self) -> bool:
        """connected() was true once."""
        return self._established

    def fileno(self) -> int:
        return self._socket.fileno()

    def wait(self, timeout_s: float) -> bool:
        """Waits until there is an answer to read, or until it is connected; whether that came true in time."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN if self._established else select.POLLOUT)
        return bool(poll.poll(timeout_s * 1000))

    def connected(self) -> bool:
        """Whether the peer took the connection; ConnectionLostError when it did not."""
        if not self._established:
            if not self.wait(0):
                return False
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                self.close()
                raise ConnectionLostError(
                    "connection refused" if code == errno.ECONNREFUSED else errno.errorcode.get(code, str(code))
                )
            if self._socket.getsockname() == self._socket.getpeername():
                # With nobody listening on a port of the ephemeral range the kernel may connect a socket to itself.
                self.close()
                raise ConnectionLostError("connection refused")
            self._established = True
        return True

    def request(self, pdu: ModbusPDU) -> None:
        """Sends a request; never while another one is under way."""
        assert not self._waiting
        self._transaction = self._transaction % 0xFFFF + 1
        pdu.transaction_id = self._transaction
        pdu.dev_id = self._device_id
        frame = self._framer.buildFrame(pdu)
        try:
            sent_count = self._socket.send(frame)
        except OSError as error:
            self.close()
            raise ConnectionLostError(error.strerror or str(error)) from None
        if sent_count != len(frame):
            # At most 260 bytes, with nothing else under way: a full buffer means that the peer stopped reading long ago.
            self.close()
            raise ConnectionLostError("the peer does not read")
        self._waiting = True

    def answer(self) -> ModbusPDU | None:
        """The answer to the request under way, None while it is not there; ConnectionLostError on anything else than it."""
        try:
            data = self._socket.recv(_ANSWER_MAX)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as error:
            self.close()
            raise ConnectionLostError(error.strerror or str(error)) from None
        if not data:
            self.close()
            raise ConnectionLostError("closed by the peer")
        self._received += data
        try:
            used_count, pdu = self._framer.handleFrame(self._received, self._device_id, self._transaction)
        except (ModbusException, ValueError, IndexError, ArithmeticError) as error:
            self.close()
            raise ConnectionLostError(f"not a Modbus answer: {error}") from None
        self._received = self._received[used_count:]
        if len(self._received) >= _ANSWER_MAX:
            self.close()
            raise ConnectionLostError("not a Modbus answer")
        if pdu is None or not self._waiting:
            return None
        self._waiting = False
        if pdu.isError():
            self.close()
            raise ConnectionLostError(f"the PLC refused function {pdu.function_code & 0x7F} with exception {pdu.exception_code}")
        return pdu

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()
