"""Who belongs to a script that leads no session, but a process group, as in a pipeline."""

import subprocess
import sys
import time

import psutil
import pytest

from manybrains.sampler.family import Family

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the sampler looks into /proc"),
    pytest.mark.usefixtures("nobody_left"),
]
SCRIPT = """
import os, subprocess, sys, time
from manybrains import watch
with watch():
    programs = [subprocess.Popen(["sleep", "600"])]
    programs.append(subprocess.Popen(["sleep", "600"], start_new_session=True))
    os.system("sleep 600 & echo $!")
    print(*[program.pid for program in programs], flush=True)
    time.sleep(600)
"""

# A process whose first thread has ended is a zombie, and still its children's parent: the state
# in which a killed process with threads is for a moment.
DYING = """
import ctypes, subprocess, threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
programs = [subprocess.Popen(["sleep", "60"], start_new_session=new) for new in (False, True)]
print(*[program.pid for program in programs], flush=True)
ctypes.CDLL(None).pthread_exit(None)
"""


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_who_stays_when_a_script_in_a_pipeline_is_killed() -> None:
    script = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True, process_group=0
    )
    peer = subprocess.Popen(["sleep", "600"], process_group=script.pid)
    assert script.stdout is not None
    background = int(script.stdout.readline())
    child, detached = map(int, script.stdout.readline().split())
    try:
        script.kill()
        script.wait()
        until = time.monotonic() + 10
        while (is_alive(child) or is_alive(background)) and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.3)
        assert [False, False] == [is_alive(child), is_alive(background)]
        assert [True, True] == [is_alive(detached), peer.poll() is None]
    finally:
        peer.kill()
        peer.wait()
        for pid in (child, detached, background):
            if is_alive(pid):
                psutil.Process(pid).kill()
        script.stdout.close()


def test_of_a_process_whose_threads_are_just_ending_the_detached_children_stay() -> None:
    with subprocess.Popen([sys.executable, "-c", DYING], stdout=subprocess.PIPE) as dying:
        assert dying.stdout is not None
        child, detached = map(int, dying.stdout.readline().split())
        family = Family(dying.pid, {})
        until = time.monotonic() + 10
        while not family.has_ended() and time.monotonic() < until:
            time.sleep(0.01)
        try:
            everybody = family.kin()
            assert [everybody[pid].parent for pid in (child, detached)] == [dying.pid] * 2
            assert family.kill([child, detached], everybody) == 1
            while is_alive(child) and time.monotonic() < until:
                time.sleep(0.01)
            assert [is_alive(child), is_alive(detached)] == [False, True]
        finally:
            for pid in (child, detached):
                if is_alive(pid):
                    psutil.Process(pid).kill()
            dying.kill()
