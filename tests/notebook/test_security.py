"""Nothing is open to others: no port, no file, no pickle, and no line that breaks the lens."""

import ast
import os
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from conftest import START_METHODS
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.error import UsageError
from jupyter_client.manager import KernelManager
from kernels import Kernel, bare_kernel

from manybrains.notebook.watch_magic import from_line
from manybrains.notebook.watch_syntax import MARK, Wrap, mark

SOURCE = Path(__file__).resolve().parents[2] / "src" / "manybrains"
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")

LOAD = """%load_ext manybrains
import multiprocessing
multiprocessing.set_start_method({method!r}, force=True)
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Pool, Process, Queue

def double(x):
    print("doubling", x)
    return 2 * x
"""
USE = """%%watch
pool, executor = Pool(2), ProcessPoolExecutor(2)
p = Process(target=double, args=(1,)); p.start(); p.join()
answers = pool.map(double, [1, 2]), list(executor.map(double, [1, 2]))
"""


# --- ports --------------------------------------------------------------------------------


def ports(pid: int) -> set[tuple[str, int]]:
    """Where a process and all that it started can be reached over a network, or speak from."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    found = set()
    for process in family:
        try:
            connections = process.net_connections(kind="inet")
        except psutil.NoSuchProcess:  # it has ended meanwhile
            continue
        for connection in connections:
            udp = connection.type == socket.SOCK_DGRAM
            if udp or connection.status == psutil.CONN_LISTEN:
                found.add((connection.laddr.ip, connection.laddr.port))
    return found


@pytest.fixture(params=START_METHODS)
def fresh(request: pytest.FixtureRequest) -> Iterator[tuple[Kernel, str]]:
    with bare_kernel() as one:
        one.run("1")
        yield one, str(request.param)


@pytest.mark.slow
def test_watching_and_workers_open_no_port(fresh: tuple[Kernel, str]) -> None:
    one, method = fresh
    before = ports(one.pid)
    assert "" == one.run(LOAD.format(method=method)).error
    assert "" == one.run(USE).error
    assert before == ports(one.pid)


@pytest.mark.slow
def test_the_local_server_is_reached_from_this_machine_alone_and_only_while_asked_for() -> None:
    with bare_kernel() as one:
        one.run("from manybrains import io_server\nserver = io_server()")
        before = ports(one.pid)
        one.run("address = server.__enter__()")
        assert ["127.0.0.1"] == [host for host, _ in ports(one.pid) - before]
        one.run("server.__exit__(None, None, None)")
        assert before == ports(one.pid)


# --- files --------------------------------------------------------------------------------


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for temporary files; its path is short, as that of a socket has to be (macOS)."""
    with tempfile.TemporaryDirectory(prefix="mb", dir="/tmp") as path:
        yield Path(path)


@contextmanager
def kernel_with_files(folder: Path, method: str) -> Iterator[KernelManager]:
    """A kernel whose temporary files lie in the folder: workers alive, a local server open."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env={**os.environ, "TMPDIR": str(folder)})
    client = manager.client()
    client.start_channels()
    server = "from manybrains import io_server\nserver = io_server()\naddress = server.__enter__()"
    try:
        client.wait_for_ready(timeout=60)
        for source in (LOAD.format(method=method), USE, server):
            quiet = client.execute_interactive(source, timeout=60, output_hook=lambda _: None)
            assert "ok" == quiet["content"]["status"]
        yield manager
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.mark.slow
@posix
def test_temporary_files_are_the_users_alone(start_method: str, folder: Path) -> None:
    with kernel_with_files(folder, start_method):
        modes: dict[bool, set[str]] = {}
        for path in folder.rglob("*"):
            state = path.stat()
            assert os.getuid() == state.st_uid
            if not stat.S_ISSOCK(state.st_mode):  # multiprocessing's own, in a private folder
                modes.setdefault(path.is_dir(), set()).add(oct(state.st_mode & 0o777))
    assert {True: {"0o700"}, False: {"0o600"}} == modes


@pytest.mark.slow
@posix
@pytest.mark.parametrize("how", ["shut down", "killed"])
def test_temporary_files_are_gone_with_their_kernel(
    start_method: str, how: str, folder: Path
) -> None:
    with kernel_with_files(folder, start_method) as manager:
        assert [] != ours(folder)
        if how == "killed":
            psutil.Process(manager.provisioner.pid).kill()
        else:
            manager.shutdown_kernel(now=False)
        until = time.monotonic() + 20
        while ours(folder) and time.monotonic() < until:
            time.sleep(0.05)
        assert [] == ours(folder)


def ours(folder: Path) -> list[str]:
    """What lies there; multiprocessing leaves a folder of its own where a kernel was killed."""
    return [path.name for path in folder.iterdir() if not path.name.startswith("pymp-")]


# --- data ---------------------------------------------------------------------------------

# What makes objects of bytes, and where they come from: pipes and private files of one's own
# processes alone.
READERS = {
    "lens/report.py": {"marshal.loads"},  # looks, from the pipe of the sampler
    "notebook/everywhere.py": {"exec"},  # a cell of the reader's
    "hooks/birth_errors.py": {"pickle.loads"},  # why a worker was not born, from its file
    "workers/reconstructors.py": {
        "exec",
        "marshal.loads",
    },  # functions, from the file of a snapshot
    "workers/settings.py": {"pickle.loads"},  # the same file
    "workers/snapshot.py": {"_Unpickler", "exec", "pickle.load", "unpickler.load"},  # the same
    "hooks/task_errors.py": {"pickle.loads"},  # tasks, from the pipe of their pool
}


def test_nothing_is_unpickled_that_another_user_could_have_written() -> None:
    found: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            dangerous = name.endswith((".load", ".loads", "Unpickler")) or name in ("eval", "exec")
            if dangerous and not name.startswith(("json.", "Run.", "cls.")):
                found.setdefault(path.relative_to(SOURCE).as_posix(), set()).add(name)
    assert READERS == found


# --- the line of %%watch ------------------------------------------------------------------

WORDS = """run mine print class --deadline --interval --quiet -- - = ' " # \\ % %s {} 1 -1 1e999 nan
0.05 \ufb01 \u540d \0 \ud800"""
LINES = st.one_of(
    st.text(),
    st.lists(st.one_of(st.sampled_from(WORDS.split()), st.text(max_size=3))).map(" ".join),
)


@settings(deadline=None)
@given(LINES)
def test_whatever_stands_in_the_line_is_a_watch_or_one_sentence(line: str) -> None:
    shell = SimpleNamespace(user_ns={"mine": 3})
    said = "%%watch: [--quiet]"
    try:
        from_line(shell, line)
    except UsageError as error:
        said = str(error)
    assert (True, True) == (said.startswith("%%watch: "), said.endswith("[--quiet]"))


@settings(deadline=None)
@given(LINES)
def test_whatever_stands_in_the_line_reaches_its_reader_whole(line: str) -> None:
    first = f"%%watch {line}".splitlines(keepends=True)[0]
    [marked] = mark([first])
    [statement] = ast.parse(marked).body
    assert first.removeprefix("%%watch").strip() == ast.literal_eval(statement.value.args[0])
    assert MARK == statement.value.func.id
    shell = SimpleNamespace(ast_node_interactivity="last_expr")
    compile(Wrap(shell).visit(ast.parse(marked)), "a cell", "exec")
