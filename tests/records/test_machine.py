"""this_machine(): what there is, what is yours, and what limits it."""

import dataclasses
import multiprocessing
import os
import subprocess
import sys
import time

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manybrains.records.machine import Limit, Machine, read_limits, this_machine

GIB = 2**30
HUB = Machine("Linux", 4, 1.0, "a cgroup v2 quota", 2 * GIB, "fork", "3.13.0", True)
V2_MOUNT = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MOUNTS = (
    "31 23 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 23 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
)
V1_CGROUPS = "5:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n"


@pytest.fixture
def tree(tmp_path):
    """A function that writes a fake file system and says where its root is."""

    def write(**files):
        for path, text in files.items():
            place = tmp_path / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path

    return write


def v2(tree, **files):
    """A fake file system with cgroup v2, and the process in /user/job."""
    there = {f"sys/fs/cgroup/{path}": text for path, text in files.items()}
    return tree(**{"proc/self/cgroup": "0::/user/job\n", "proc/self/mountinfo": V2_MOUNT}, **there)


def cores_in(root, **environ):
    return read_limits(root, environ)[0]


def memory_in(root, **environ):
    return read_limits(root, environ)[1]


# --- cgroup v2


def test_a_v2_quota_of_the_own_group_limits_the_cores(tree):
    root = v2(tree, **{"user/job/cpu.max": "200000 100000\n"})
    assert [Limit(2.0, "a cgroup v2 quota")] == cores_in(root)


def test_half_a_core_is_half_a_core(tree):
    root = v2(tree, **{"user/job/cpu.max": "50000 100000\n"})
    assert [Limit(0.5, "a cgroup v2 quota")] == cores_in(root)


def test_a_quota_of_max_is_no_limit(tree):
    assert [] == cores_in(v2(tree, **{"user/job/cpu.max": "max 100000\n"}))


def test_quotas_of_all_groups_above_count(tree):
    root = v2(
        tree,
        **{
            "user/job/cpu.max": "max 100000",
            "user/cpu.max": "150000 100000",
            "cpu.max": "100000 100000",
        },
    )
    assert [1.5, 1.0] == [limit.most for limit in cores_in(root)]


def test_a_v2_memory_limit_is_told_in_bytes(tree):
    root = v2(tree, **{"user/job/memory.max": f"{2 * GIB}\n", "user/memory.max": "max\n"})
    assert [2 * GIB] == memory_in(root)


def test_a_container_that_sees_its_own_group_at_the_mount_finds_it_there(tree):
    root = tree(
        **{
            "proc/self/cgroup": "0::/system.slice/docker-abc.scope\n",
            "proc/self/mountinfo": V2_MOUNT.replace(" / ", " /system.slice/docker-abc.scope "),
            "sys/fs/cgroup/cpu.max": "100000 100000\n",
        }
    )
    assert [Limit(1.0, "a cgroup v2 quota")] == cores_in(root)


def test_a_group_outside_of_the_namespace_falls_back_to_the_mount(tree):
    root = v2(tree, **{"cpu.max": "100000 100000\n"})
    tree(**{"proc/self/cgroup": "0::/../../elsewhere\n"})
    assert [Limit(1.0, "a cgroup v2 quota")] == cores_in(root)


def test_a_mount_point_with_a_space_is_found(tree):
    root = tree(
        **{
            "proc/self/cgroup": "0::/\n",
            "proc/self/mountinfo": V2_MOUNT.replace("/sys/fs/cgroup", "/my\\040groups"),
            "my groups/cpu.max": "100000 100000\n",
        }
    )
    assert [Limit(1.0, "a cgroup v2 quota")] == cores_in(root)


def test_without_a_list_of_mounts_the_usual_place_is_tried(tree):
    root = tree(**{"sys/fs/cgroup/cpu.max": "100000 100000\n"})
    assert [Limit(1.0, "a cgroup v2 quota")] == cores_in(root)


# --- cgroup v1


def v1(tree, **files):
    there = {f"sys/fs/cgroup/{path}": text for path, text in files.items()}
    return tree(**{"proc/self/cgroup": V1_CGROUPS, "proc/self/mountinfo": V1_MOUNTS}, **there)


def test_a_v1_quota_limits_the_cores(tree):
    root = v1(
        tree,
        **{
            "cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "150000\n",
            "cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000\n",
        },
    )
    assert [Limit(1.5, "a cgroup v1 quota")] == cores_in(root)


def test_a_v1_quota_of_minus_one_is_no_limit(tree):
    root = v1(
        tree,
        **{
            "cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "-1\n",
            "cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000\n",
        },
    )
    assert [] == cores_in(root)


def test_a_v1_memory_limit_is_told_in_bytes(tree):
    root = v1(tree, **{"memory/docker/memory.limit_in_bytes": f"{GIB}\n"})
    assert [GIB] == memory_in(root)


def test_v1_controllers_count_beside_a_v2_hierarchy_without_any(tree):
    root = tree(
        **{
            "proc/self/cgroup": f"{V1_CGROUPS}0::/\n",
            "proc/self/mountinfo": V1_MOUNTS + V2_MOUNT.replace("cgroup rw", "cgroup/unified rw"),
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "100000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        }
    )
    assert [Limit(1.0, "a cgroup v1 quota")] == cores_in(root)


# --- what a hub says, and what makes no sense


def test_the_hubs_limits_are_read_from_the_environment(tmp_path):
    limits = read_limits(tmp_path, {"CPU_LIMIT": "1.5", "MEM_LIMIT": str(2 * GIB)})
    assert ([Limit(1.5, "the hub's CPU_LIMIT")], [2 * GIB]) == limits


@pytest.mark.parametrize("text", ["", "0", "-1", "two", "nan", "inf", "1e999"])
def test_a_senseless_limit_of_the_hub_is_no_limit(tmp_path, text):
    assert ([], []) == read_limits(tmp_path, {"CPU_LIMIT": text, "MEM_LIMIT": text})


@pytest.mark.parametrize(
    "text",
    ["", "0 100000", "100000", "100000 0", "1 -1", "a b", "1e5 1e5", "9" * 5000 + " 1", b"\xff\0"],
)
def test_a_senseless_quota_is_no_limit(tree, text):
    assert [] == cores_in(v2(tree, **{"user/job/cpu.max": text}))


def test_without_files_there_is_no_limit(tmp_path):
    assert ([], []) == read_limits(tmp_path, {})


def test_a_folder_in_place_of_a_file_is_no_limit(tree, tmp_path):
    (tmp_path / "sys/fs/cgroup/user/job/cpu.max").mkdir(parents=True)
    assert [] == cores_in(v2(tree))


LINES = st.one_of(
    st.sampled_from([V2_MOUNT, V1_MOUNTS, V1_CGROUPS, "0::/a\n", "max 100000\n", "1 2\n"]),
    st.text(max_size=80),
    st.text(alphabet="0123456789:/ -.\\,\n\0cgroupmax2", max_size=80),
)
TEXTS = st.one_of(
    st.lists(LINES, max_size=4).map(lambda lines: "".join(lines).encode()), st.binary()
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cgroup=TEXTS, mounts=TEXTS, quota=TEXTS, limit=st.text())
def test_limits_are_positive_and_nothing_is_raised_for_any_content_of_the_files(
    tree, cgroup, mounts, quota, limit
):
    root = tree(
        **{
            "proc/self/cgroup": cgroup,
            "proc/self/mountinfo": mounts,
            "sys/fs/cgroup/cpu.max": quota,
            "sys/fs/cgroup/memory.max": quota,
        }
    )
    cores, memory = read_limits(root, {"CPU_LIMIT": limit, "MEM_LIMIT": limit})
    assert all(most > 0 for most in [*memory, *(limit.most for limit in cores)])


# --- the machine


def test_the_least_limit_wins_and_is_named(monkeypatch):
    monkeypatch.setattr(psutil, "cpu_count", lambda: 64)
    monkeypatch.setenv("CPU_LIMIT", "0.25")
    machine = this_machine()
    assert (64, 0.25, "the hub's CPU_LIMIT") == (
        machine.cores_present,
        machine.cores_yours,
        machine.limited_by,
    )


def test_without_a_limit_no_limit_is_named(monkeypatch):
    monkeypatch.setattr("manybrains.records.machine.read_limits", lambda *_: ([], []))
    monkeypatch.setattr("manybrains.records.machine._affinity_limits", lambda *_: [])
    machine = this_machine()
    assert (float(machine.cores_present), "") == (machine.cores_yours, machine.limited_by)


def test_a_limit_above_what_is_present_limits_nothing(monkeypatch):
    monkeypatch.setattr(psutil, "cpu_count", lambda: 1)
    monkeypatch.setenv("CPU_LIMIT", "8")
    assert (1.0, "") == (this_machine().cores_yours, this_machine().limited_by)


def test_memory_is_at_most_what_the_hub_grants(monkeypatch):
    monkeypatch.setenv("MEM_LIMIT", str(2**20))
    assert 2**20 == this_machine().memory_bytes


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity to set here")
def test_affinity_to_one_core_leaves_one_core():
    code = (
        "import os, psutil; psutil.cpu_count = lambda: 8;"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from manybrains import this_machine as m; print(m().cores_yours, m().limited_by)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "1.0 CPU affinity" == said.stdout.strip()


def in_fresh_python(code):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.strip()


def test_asking_does_not_fix_the_start_method():
    code = (
        "import multiprocessing; from manybrains import this_machine; this_machine();"
        "print(multiprocessing.get_start_method(allow_none=True))"
    )
    assert "None" == in_fresh_python(code)


def test_the_start_method_told_is_the_one_that_a_process_would_use():
    code = (
        "import multiprocessing; from manybrains.records.machine import this_machine;"
        "told = this_machine().start_method; print(told == multiprocessing.get_start_method())"
    )
    assert "True" == in_fresh_python(code)


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_start_method_that_was_chosen_is_told(method):
    code = (
        f"import multiprocessing; multiprocessing.set_start_method({method!r});"
        "from manybrains.records.machine import this_machine; print(this_machine().start_method)"
    )
    assert method == in_fresh_python(code)


def test_a_machine_reads_as_a_sentence():
    assert (
        "Linux, 4 cores present, 1 yours (limited by a cgroup v2 quota), 2.0 GB of memory yours, "
        "Python 3.13.0 with the GIL, start method fork"
    ) == repr(HUB)


def test_a_machine_without_limits_mentions_none():
    mac = dataclasses.replace(HUB, system="Darwin", cores_present=1, limited_by="", gil=False)
    assert (
        "macOS, 1 core present, 1 yours, 2.0 GB of memory yours, "
        "Python 3.13.0 without the GIL, start method fork"
    ) == str(mac)


def test_half_a_core_reads_as_a_fraction():
    assert "0.5 yours (limited" in repr(dataclasses.replace(HUB, cores_yours=0.5))


def test_the_cpu_clock_moves_by_no_more_than_the_machine_says():
    smallest = min(_first_step(clock) for clock in [time.process_time, time.thread_time] * 3)
    call = 0.001  # seconds, at most, that two looks at a clock take
    assert smallest <= this_machine().cpu_clock_step + call


def _first_step(clock):
    before = after = clock()
    while before == after:
        after = clock()
    return after - before


@pytest.mark.parametrize(
    ("step", "system"), [(1e-9, "Linux"), (1e-6, "Darwin"), (1 / 64, "Windows")]
)
def test_the_step_of_the_cpu_clock_is_that_of_the_system(step, system):
    assert step == dataclasses.replace(HUB, system=system).cpu_clock_step


def test_the_version_is_that_of_the_running_python():
    assert sys.version.startswith(this_machine().python)


def test_the_gil_is_that_of_the_running_python():
    assert getattr(sys, "_is_gil_enabled", lambda: True)() == this_machine().gil
