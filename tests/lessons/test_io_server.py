"""The I/O-bound workload: a local server, and those who fetch from it."""

import asyncio
import multiprocessing
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from manybrains.lessons import io_server as fetching
from manybrains.lessons.io_server import Address, fetch, fetch_async, io_server

DEADLINE = 60
PAYLOAD_BYTES = 8192


def until(true, seconds=DEADLINE):
    """Wait until a thing is true, and say whether it ever was."""
    over = time.perf_counter() + seconds
    while not true() and time.perf_counter() < over:
        time.sleep(0.01)
    return true()


def call_in(start_method, function, *arguments):
    """What the function returns in a worker."""
    context = multiprocessing.get_context(start_method)
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result(timeout=DEADLINE)


@pytest.fixture(scope="module")
def address():
    with io_server(delay=0.01) as address:
        yield address


def test_fetching_returns_how_many_bytes_came(address):
    assert PAYLOAD_BYTES == fetch(address)


def test_fetching_accepts_a_plain_pair(address):
    assert PAYLOAD_BYTES == fetch((address.host, address.port))


def test_fetching_works_in_a_worker(start_method, address):
    assert PAYLOAD_BYTES == call_in(start_method, fetch, address)


def test_many_threads_can_fetch_at_once(address):
    with ThreadPoolExecutor(8) as pool:
        assert [PAYLOAD_BYTES] * 16 == list(pool.map(fetch, [address] * 16))


def test_many_tasks_can_fetch_at_once(address):
    async def many():
        return await asyncio.gather(*(fetch_async(address) for _ in range(50)))

    assert [PAYLOAD_BYTES] * 50 == asyncio.run(many())


def test_fetching_waits_and_does_not_compute():
    with io_server(delay=0.5) as address:
        before = time.thread_time()
        fetch(address)
        # Far below the half second of waiting, far above what 8 kB cost.
        assert time.thread_time() - before < 0.3


def test_the_server_answers_after_its_delay():
    with io_server(delay=0.2) as address:
        begin = time.perf_counter()
        fetch(address)
        # Event loops may wake up early by the resolution of their clock (16 ms on Windows).
        assert time.perf_counter() - begin > 0.18


def test_the_server_listens_on_loopback_only(address):
    assert "127.0.0.1" == address.host


def test_the_server_is_a_process_of_its_own(address):
    assert psutil.Process(address.pid).parent().pid == os.getpid()


def test_an_address_survives_pickling(address):
    assert address == pickle.loads(pickle.dumps(address))


def test_after_its_block_the_server_is_gone():
    with io_server() as address:
        pass
    assert not psutil.pid_exists(address.pid)


def test_after_an_error_in_its_block_the_server_is_gone():
    with pytest.raises(ZeroDivisionError), io_server() as address:
        _ = 1 / 0
    assert not psutil.pid_exists(address.pid)


def test_a_client_that_says_nothing_disturbs_nobody(address):
    with socket.create_connection(address[:2], DEADLINE):
        assert PAYLOAD_BYTES == fetch(address)


def test_clients_that_hang_up_disturb_nobody(address):
    for _ in range(5):
        with socket.create_connection(address[:2], DEADLINE) as rude:
            rude.sendall(b"fetch\n")
    assert PAYLOAD_BYTES == fetch(address)


OWNER = """
import sys, time
from manybrains.lessons.workloads import io_server
with io_server() as address:
    print(address.pid, flush=True)
    time.sleep(60)
"""


def owner_of_a_server():
    """A process that has opened a server, and the server's."""
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    return owner, psutil.Process(int(owner.stdout.readline()))


def gone(process):
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_the_server_dies_with_its_owner():
    owner, server = owner_of_a_server()
    with owner:
        owner.kill()
    assert until(lambda: gone(server))


FORKING_OWNER = OWNER.replace(
    "    print",
    "    import multiprocessing\n"
    "    context = multiprocessing.get_context('fork')\n"
    "    worker = context.Process(target=time.sleep, args=(20,))\n"
    "    worker.start()\n"
    "    print(worker.pid)\n"
    "    print",
)


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="nothing forks here"
)
def test_the_server_dies_with_its_owner_though_a_forked_worker_lives_on():
    owner = subprocess.Popen(
        [sys.executable, "-c", FORKING_OWNER], stdout=subprocess.PIPE, text=True
    )
    worker, server = (psutil.Process(int(owner.stdout.readline())) for _ in range(2))
    try:
        with owner:
            owner.kill()
            owner.stdout.close()
        assert until(lambda: gone(server), 15)
    finally:
        worker.kill()


@pytest.mark.skipif(os.name != "posix", reason="no such signal here")
def test_an_interrupt_does_not_reach_the_server(address):
    os.kill(address.pid, signal.SIGINT)
    assert PAYLOAD_BYTES == fetch(address)


def test_fetching_from_a_server_that_is_gone_says_so():
    with io_server() as address:
        pass
    with pytest.raises(ConnectionError, match="fetch inside the block of `with io_server"):
        fetch(address)


def test_fetching_async_from_a_server_that_is_gone_says_so():
    with io_server() as address:
        pass
    with pytest.raises(ConnectionError, match="fetch inside the block of `with io_server"):
        asyncio.run(fetch_async(address))


@pytest.fixture
def mute():
    """The address of a server that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


def test_fetching_from_a_mute_server_ends_at_the_deadline(mute):
    with pytest.raises(TimeoutError, match=r"no complete answer from 127\.0\.0\.1:\d+ within"):
        fetch(mute, timeout=0.1)


def test_fetching_async_from_a_mute_server_ends_at_the_deadline(mute):
    with pytest.raises(TimeoutError, match=r"no complete answer from 127\.0\.0\.1:\d+ within"):
        asyncio.run(fetch_async(mute, timeout=0.1))


@pytest.mark.parametrize("answer", [b"", b"3 0\nabc", b"3 891568578\nabcd", b"hello"])
def test_a_wrong_answer_is_noticed(answer):
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        server.settimeout(DEADLINE)
        outcome = pool.submit(fetch, server.getsockname())
        connection, _ = server.accept()
        with connection:
            connection.recv(6)
            connection.sendall(answer)
        with pytest.raises(ConnectionError, match=f"sent {len(answer)} bytes that are no complete"):
            outcome.result(DEADLINE)


@pytest.mark.parametrize("address", [None, "localhost", 8080, (), ("127.0.0.1", "http")])
def test_fetching_from_no_address_is_refused(address):
    with pytest.raises(TypeError, match="give what `with io_server"):
        fetch(address)


@pytest.mark.parametrize("delay", [-1, 6, "long", None, float("nan")])
def test_a_senseless_delay_is_refused(delay):
    with pytest.raises(ValueError, match="choose 0 to 5 seconds"), io_server(delay):
        pass


def test_a_server_that_ends_at_once_is_an_error_with_its_reason(monkeypatch, tmp_path):
    (tmp_path / "io_server_process.py").write_text("raise SystemExit('no port left')")
    monkeypatch.setattr(fetching, "__file__", str(tmp_path / "io_server.py"))
    with (
        pytest.raises(RuntimeError, match=r"ended at once \(exit code 1\): no port left"),
        io_server(),
    ):
        pass


def test_a_server_that_does_not_start_is_an_error_in_the_end(monkeypatch, tmp_path):
    (tmp_path / "io_server_process.py").write_text("import time; time.sleep(60)")
    monkeypatch.setattr(fetching, "__file__", str(tmp_path / "io_server.py"))
    monkeypatch.setattr(fetching, "SERVER_DEADLINE", 0.2)
    with pytest.raises(RuntimeError, match="did not start within 0 s"), io_server():
        pass


def test_an_address_is_a_host_a_port_and_a_process():
    assert ("127.0.0.1", 80, None) == Address("127.0.0.1", 80)


def test_the_servers_program_lies_beside_its_client():
    assert Path(fetching.__file__).with_name("io_server_process.py").is_file()
