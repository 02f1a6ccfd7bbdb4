"""Where the machine gives no more: every limit is a sentence with its remedy, or does not matter.

The limits are real: kernels run as a user without rights, in a mount namespace of their own
with a small or missing /dev/shm and a full disk, or on one core.  Where the tests may not do
that (mounting takes root), they are skipped and say so.
"""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import START_METHODS
from kernels import TRIALS, Kernel, Shown, bare_kernel

from manybrains import watch
from manybrains.lens import watch as watching

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limits are Linux's"),
    pytest.mark.timeout(180),
]

DEFINITIONS = """
import os, resource, time
import psutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Array, Lock, Pool, Process, Queue
from multiprocessing.shared_memory import SharedMemory
from threading import Thread

def double(x):
    return 2 * x

def greet(name):
    print("hello", name)

def doze():
    time.sleep(60)

def allow_processes(more):
    everybody = [p.info for p in psutil.process_iter(["uids", "num_threads"])]
    ours = [one for one in everybody if one["uids"] and one["uids"].real == os.getuid()]
    count = sum(one["num_threads"] or 0 for one in ours)
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    resource.setrlimit(resource.RLIMIT_NPROC, (count + more, hard))

def take_memory(megabytes):
    limit = psutil.Process().memory_info().vms + 50_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    return len(bytearray(megabytes * 1_000_000))
"""
# What does not depend on the start method is tried under all of them where there is time.
SOME_METHODS = START_METHODS if TRIALS > 1 else START_METHODS[:1]
some_methods = pytest.mark.parametrize("method", SOME_METHODS)
PROCESSES = "No more processes or threads may be started here: their limit is reached"
SHARED = "Locks, queues, pools and shared memory live in /dev/shm, which "
DISK = "No room is left on the disk of "


@contextmanager
def limited(method: str, wrapper: list[str], env: dict[str, str] | None = None) -> Iterator[Kernel]:
    """A kernel run by the wrapper, with the extension and the definitions."""
    with bare_kernel(60, env, wrapper) as one:
        load = f"import multiprocessing\nmultiprocessing.set_start_method({method!r})"
        assert ("", "") == said(one.run(f"%load_ext manybrains\n{load}"))
        assert ("", "") == said(one.run(DEFINITIONS))
        yield one


@pytest.fixture(scope="module", params=START_METHODS)
def notebook(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    """A kernel without limits of its own."""
    with limited(request.param, []) as one:
        yield one


def said(shown: Shown) -> tuple[str, str]:
    return shown.stderr, shown.error


def told(shown: Shown) -> str:
    """All that a cell that failed says, without colours."""
    tracebacks = ["\n".join(o.traceback) for o in shown.outputs if "traceback" in o]
    return shown.stderr + "\n".join(tracebacks)


def check_usable(one: Kernel) -> None:
    assert "2" == one.run("1 + 1").text


def check_works(one: Kernel) -> None:
    """Processes print, pools and executors answer, and a watched cell is drawn."""
    shown = one.run(
        "%%watch\np = Process(target=greet, args=('you',), name='p')\np.start(); p.join()"
    )
    assert shown.stdout.startswith("p: hello you\nrun: ")
    assert ("", 1) == (shown.error, shown.pictures)
    for pool in ("Pool(2)", "ProcessPoolExecutor(2)"):
        source = f"with {pool} as pool: answer = list(pool.map(double, [1, 2]))\nanswer"
        assert "[2, 4]" == one.run(source).text


# --- processes, threads, files ------------------------------------------------------------


def unprivileged(home: Path) -> list[str]:
    """A command that runs another as a user of its own, whom limits bind; root's are not."""
    if os.getuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("limits do not bind root, and there is no setpriv")
    os.chown(home, 54321, 54321)
    may_read = "-all,+dac_override"  # the interpreter may lie in root's home
    ids = ["--reuid=54321", "--regid=54321", "--clear-groups"]
    caps = [f"--{kind}={may_read}" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
    return ["setpriv", *ids, *caps]


def test_the_limit_of_processes(start_method: str, tmp_path: Path) -> None:
    with limited(start_method, unprivileged(tmp_path), {"HOME": str(tmp_path)}) as one:
        one.run("allow_processes(8)")
        for start in ("Process(target=doze)", "Thread(target=doze, daemon=True)"):
            source = f"started = [{start} for _ in range(60)]\nfor one in started: one.start()"
            assert PROCESSES in told(one.run(source))
            one.run("for child in multiprocessing.active_children(): child.kill(); child.join()")
        assert PROCESSES in told(one.run("pool = Pool(60)"))
        check_usable(one)


def test_no_process_for_the_one_that_looks(tmp_path: Path) -> None:
    with limited("fork", unprivileged(tmp_path), {"HOME": str(tmp_path)}) as one:
        one.run("%%watch\nimport signal; from manybrains.workers.session import current_session")
        one.run("[pid] = current_session().helpers\nos.kill(pid, signal.SIGKILL)\ntime.sleep(0.5)")
        one.run("allow_processes(-3)")
        shown = one.run("%%watch\nsum(range(10))")
        assert "" == shown.error
        assert "cores and memory are missing, because the sampler could not" in shown.stderr
        assert PROCESSES in shown.stderr


def test_no_thread_for_a_deadline(tmp_path: Path) -> None:
    with limited("fork", unprivileged(tmp_path), {"HOME": str(tmp_path)}) as one:
        one.run("allow_processes(-3)")
        shown = one.run("%%watch --deadline 5\nnever_run = True")
        assert f"UsageError: %%watch: can't start new thread. {PROCESSES}" in shown.stderr
        assert "Traceback" not in shown.stderr
        assert "False" == one.run("'never_run' in dir()").text


def test_no_thread_for_the_extension(tmp_path: Path) -> None:
    with bare_kernel(60, {"HOME": str(tmp_path)}, unprivileged(tmp_path)) as one:
        one.run(DEFINITIONS)
        one.run("allow_processes(-3)")
        shown = one.run("%load_ext manybrains")
        assert "UsageError: manybrains could not be loaded: can't start new" in shown.stderr
        assert "Traceback" not in shown.stderr


def test_the_limit_of_open_files(start_method: str) -> None:
    with limited(start_method, []) as one:
        one.run("files = psutil.Process().num_fds() + 20\nlimit = resource.RLIMIT_NOFILE")
        one.run("resource.setrlimit(limit, (files, resource.getrlimit(limit)[1]))")
        source = "ps = [Process(target=doze) for _ in range(60)]\nfor p in ps: p.start()"
        assert "No more files may be opened here: their limit is reached" in told(one.run(source))
        check_usable(one)


# --- shared memory ------------------------------------------------------------------------


def in_own_mounts(script: str) -> list[str]:
    """A command that runs another in a mount namespace of its own, which the script prepares."""
    if shutil.which("unshare") is None or os.getuid() != 0:
        pytest.skip("mounting takes root")
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        pytest.skip("no mount namespace may be made here")
    return ["unshare", "-m", "sh", "-c", f'{script} && exec "$@"', "sh"]


@some_methods
def test_shared_memory_of_64_megabytes(method: str) -> None:
    wrapper = in_own_mounts("mount -t tmpfs -o size=64m tmpfs /dev/shm")
    with limited(method, wrapper) as one:
        check_works(one)
        text = told(one.run("SharedMemory(create=True, size=100_000_000)"))
        assert f"{SHARED}has no room: it holds 67 MB in all" in text
        one.run("first = SharedMemory(create=True, size=40_000_000)")
        text = told(one.run("second = SharedMemory(create=True, size=40_000_000)"))
        assert f"{SHARED}has no room" in text
        one.run("first.buf[-1] = 7; answer = first.buf[-1]; first.close(); first.unlink()")
        assert "7" == one.run("answer").text
        # An Array that does not fit goes to the temporary folder.
        assert "1.0" == one.run("a = Array('d', 10_000_000); a[9_999_999] = 1; a[9_999_999]").text


@pytest.mark.parametrize(
    ("options", "what"), [("-o ro", "cannot be written to"), ("absent", "is not there")]
)
def test_no_shared_memory(tmp_path: Path, options: str, what: str) -> None:
    script = f"mount -t tmpfs {options} tmpfs /dev/shm"
    if options == "absent":
        devices = "/dev/null /dev/zero /dev/full /dev/random /dev/urandom"
        script = f"mount -t tmpfs tmpfs {tmp_path} && cp -a {devices} {tmp_path}"
        script += f" && mount --move {tmp_path} /dev"
    with limited("fork", in_own_mounts(script)) as one:
        shown = one.run("%%watch\np = Process(target=greet, args=('you',)); p.start(); p.join()")
        assert ("", "") == said(shown)
        for source in ("Lock()", "Queue()", "Pool(2)", "SharedMemory(create=True, size=100)"):
            assert f"{SHARED}{what}" in told(one.run(source))
        check_usable(one)


# --- disks --------------------------------------------------------------------------------


def test_a_temporary_folder_without_room(start_method: str, tmp_path: Path) -> None:
    wrapper = in_own_mounts(f"mount -t tmpfs -o size=1m tmpfs {tmp_path}")
    with limited(start_method, wrapper, {"TMPDIR": str(tmp_path)}) as one:
        check_works(one)
        fill = "filler = open(os.path.join(os.environ['TMPDIR'], 'filler'), 'wb', buffering=0)\n"
        fill += "try:\n    while True: filler.write(bytes(1000))\nexcept OSError: pass"
        assert "" == one.run(fill).error
        one.run("def changed(x): return x")
        shown = one.run("%%watch\np = Process(target=changed, args=(1,)); p.start(); p.join()")
        assert f"{DISK}{tmp_path}, so that something" in told(shown)
        assert 1 == shown.pictures
        one.run("filler.close(); os.unlink(filler.name)")
        check_works(one)


def test_no_folder_that_can_be_written_to() -> None:
    with bare_kernel(60, {"TMPDIR": "/proc"}, in_own_mounts("true")) as one:
        one.run("import os, subprocess\nos.chdir('/proc')")
        # With all that is in them, for the interpreter may lie there.
        one.run(
            "for folder in ('/tmp', '/var/tmp', '/usr/tmp'):\n"
            "    if os.path.isdir(folder):\n"
            "        subprocess.run(['mount', '--bind', folder, folder], check=True)\n"
            "        subprocess.run(['mount', '-o', 'remount,ro,bind', folder], check=True)"
        )
        shown = one.run("%load_ext manybrains")
        assert "UsageError: manybrains could not be loaded: " in shown.stderr
        assert "set the environment variable TMPDIR" in shown.stderr
        assert "Traceback" not in shown.stderr
        check_usable(one)


@some_methods
def test_a_home_that_cannot_be_written_to(method: str, tmp_path: Path) -> None:
    wrapper = in_own_mounts(f"mount -t tmpfs -o ro tmpfs {tmp_path}")
    with limited(method, wrapper, {"HOME": str(tmp_path)}) as one:
        check_works(one)


# --- cores and memory ---------------------------------------------------------------------


@some_methods
def test_one_core(method: str) -> None:
    core = min(os.sched_getaffinity(0))
    with limited(method, ["taskset", "-c", str(core)]) as one:
        check_works(one)
        assert "1.0" == one.run("run.machine.cores_yours").text


@pytest.mark.parametrize("pool", ["Pool(1)", "ProcessPoolExecutor(1)"])
def test_a_worker_that_reaches_its_limit_of_memory(notebook: Kernel, pool: str) -> None:
    source = f"with {pool} as pool: list(pool.map(take_memory, [1_000]))"
    shown = notebook.run("%%watch --deadline 30\n" + source)
    assert "MemoryError: " == shown.error
    assert "There is no memory for it here. Start fewer workers" in told(shown)
    check_usable(notebook)


@pytest.fixture
def small_cgroup() -> Iterator[Path]:
    """The file of a cgroup of 150 MB: a process that writes its pid there is in it."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    own = {kind: path for _, kind, path in (line.split(":", 2) for line in lines)}
    if "memory" in own:
        top, limit = Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"
    else:
        top, limit = Path("/sys/fs/cgroup"), "memory.max"
    group = top / own.get("memory", own.get("", "/")).strip("/") / f"manybrains-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup may be made here: {error}")
    try:
        (group / limit).write_text("150000000")
        yield group / "cgroup.procs"
    except OSError as error:
        pytest.skip(f"no cgroup may be limited here: {error}")
    finally:
        group.rmdir()


def test_a_worker_that_is_killed_for_memory(notebook: Kernel, small_cgroup: Path) -> None:
    notebook.run(f"""
def take(megabytes):
    with open({str(small_cgroup)!r}, "w") as file:
        file.write(str(os.getpid()))
    return len(b"x" * (megabytes * 1_000_000))
""")
    shown = notebook.run(
        "%%watch full --deadline 30\n"
        "p = Process(target=take, args=(600,), name='eater'); p.start(); p.join()"
    )
    assert "" == shown.error
    assert "full: memory ran out, and the system killed eater. There is no" in shown.stderr
    assert "[-9]" == notebook.run("[lane.exit_code for lane in full.workers]").text


def test_who_was_killed_by_us_was_not_killed_for_memory(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Though the system may have killed somebody else's program meanwhile."""
    monkeypatch.setattr(watching, "kills_for_memory", lambda: 1_000_000_000)
    with watch(deadline=0.5) as run:
        stuck = multiprocessing.Process(target=time.sleep, args=(60,), name="stuck")
        stuck.start()
        stuck.join()
    with watch() as stopped:
        stuck = multiprocessing.Process(target=time.sleep, args=(60,), name="stopped")
        stuck.start()
        stuck.kill()
        stuck.join()
    assert [-9, -9] == [lane.exit_code for one in (run, stopped) for lane in one.workers]
    assert "" == capsys.readouterr().err
    with watch() as lost:
        worker = multiprocessing.Process(target=time.sleep, args=(60,), name="lost")
        worker.start()
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
    assert [-9] == [lane.exit_code for lane in lost.workers]
    assert "the system killed lost" in capsys.readouterr().err
