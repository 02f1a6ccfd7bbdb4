"""The I/O-bound workload: a local server that makes its clients wait, and its clients.

It uses only the standard library.  Lessons take these names from `workloads`.
"""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Address", "fetch", "fetch_async", "io_server"]

FETCH_DEADLINE = 10.0  # seconds for one whole answer
LONGEST_DELAY = 5.0
SERVER_DEADLINE = 20.0  # seconds to start; a bare Python takes 0.1 on a quiet machine


class Address(NamedTuple):
    """The address of a server, and the id of its process."""

    host: str
    port: int
    pid: int | None = None


@contextlib.contextmanager
def io_server(delay: float = 0.05) -> Iterator[Address]:
    """Yield the address of a local server that answers `fetch` after `delay` seconds.

    The server is a process, but not a worker, and it uses almost no CPU time.  It listens
    on the loopback interface only, and answers any number of clients at once.  It ends with
    the block.  It also ends when the process that started it dies, in whatever way.

    Raises:
        ValueError: if `delay` is not a number of seconds from 0 to 5.
        RuntimeError: if the server does not start; the message says why.
    """
    if not isinstance(delay, (int, float)) or not 0 <= delay <= LONGEST_DELAY:
        raise ValueError(f"delay is {delay!r}: choose 0 to {LONGEST_DELAY:g} seconds")
    with contextlib.ExitStack() as stack:
        # The folder is removed as soon as the note is read: if this process were killed later,
        # no process would remove it.
        with tempfile.TemporaryDirectory(prefix="manybrains-") as folder:
            note = Path(folder, "port")
            server = _start_server(note, delay)
            stack.callback(_end, server)
            address = Address("127.0.0.1", _port(server, note), server.pid)
        yield address


def _start_server(note: Path, delay: float) -> "subprocess.Popen[bytes]":
    program = Path(__file__).with_name("io_server_process.py")
    arguments = [os.fspath(note), repr(float(delay)), str(os.getpid())]
    return subprocess.Popen(
        [sys.executable, "-I", "-S", os.fspath(program), *arguments],
        stdin=subprocess.PIPE,  # open as long as this process lives; the server ends when it closes
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        # Ctrl+C in a terminal, or an interrupted kernel, reaches a whole process group.
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def _end(server: "subprocess.Popen[bytes]") -> None:
    server.kill()  # it holds nothing that needs an orderly end
    server.communicate()


def _port(server: "subprocess.Popen[bytes]", note: Path) -> int:
    over = time.perf_counter() + SERVER_DEADLINE
    while not note.exists():
        if server.poll() is not None:
            raise RuntimeError(
                f"the local server ended at once (exit code {server.returncode}): "
                f"{_last_line(server.communicate()[1])}"
            )
        if time.perf_counter() > over:
            raise RuntimeError(
                f"the local server did not start within {SERVER_DEADLINE:.0f} s: "
                "the machine is very busy, try again"
            )
        time.sleep(0.002)
    return int(note.read_text(encoding="ascii"))


def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it left no message"


def fetch(address: tuple[str, int] | Address, timeout: float = FETCH_DEADLINE) -> int:
    """Ask the server at `address` for its data, wait for all of it, and return its bytes' number.

    Raises:
        TimeoutError: if the answer is not complete after `timeout` seconds.
        ConnectionError: if no server answers, or if the answer is damaged.
        TypeError: if `address` is no address.
    """
    over = time.perf_counter() + timeout
    answer = bytearray()
    with (
        _clear_errors(address, timeout),
        socket.create_connection(address[:2], timeout) as connection,
    ):
        connection.sendall(b"fetch\n")
        while piece := connection.recv(65536):
            answer += piece
            connection.settimeout(max(over - time.perf_counter(), 0.001))
    return _checked(bytes(answer), address)


async def fetch_async(address: tuple[str, int] | Address, timeout: float = FETCH_DEADLINE) -> int:
    """Do the same as `fetch`; other tasks of the event loop run while this one waits."""
    import asyncio  # takes 40 ms; workers that only count do without

    with _clear_errors(address, timeout):
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(*address[:2])
            try:
                writer.write(b"fetch\n")
                answer = await reader.read()
            finally:
                writer.close()
    return _checked(answer, address)


@contextlib.contextmanager
def _clear_errors(address: tuple[str, int] | Address, timeout: float) -> Iterator[None]:
    try:
        host, port, *_ = address
        int(port)
    except (TypeError, ValueError):
        raise TypeError(
            f"the address is {address!r}: give what `with io_server() as address:` gives"
        ) from None
    try:
        yield
    except TimeoutError:
        raise TimeoutError(f"no complete answer from {host}:{port} within {timeout:g} s") from None
    except OSError as error:
        raise ConnectionError(
            f"no server answers at {host}:{port} ({error}): "
            "fetch inside the block of `with io_server() as address:`"
        ) from error


def _checked(answer: bytes, address: tuple[str, int] | Address) -> int:
    """Return the length of the data after the head line, if the head line describes them."""
    head, _, payload = answer.partition(b"\n")
    if head != b"%d %d" % (len(payload), zlib.crc32(payload)):
        raise ConnectionError(
            f"{address[0]}:{address[1]} sent {len(answer)} bytes that are no complete answer: "
            "is it the address of an io_server that is still open?"
        )
    return len(payload)
