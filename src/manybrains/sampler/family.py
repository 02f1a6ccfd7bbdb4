"""Which processes belong to the notebook, and which of them a block has started.

Part of the sampler, on Linux.  It ends what would be left behind: by pids that it has just read
in /proc, never by a name.  Programs that have detached themselves are left alone.
"""

import contextlib
import os
import signal
import time

from .procfs import Kin, all_pids, command_line, ignores_hangup, kin_of, tick_of
from .program_names import helper_name

__all__ = ["Block", "Family"]


class Block:
    """The processes that a watched block has started, as far as they are known.

    Args:
        begin: when the block began, on the clock of time.perf_counter.
        newest: the pid that the system had given away last, when the block began.
    """

    def __init__(self, begin: float, newest: int) -> None:
        since_boot = time.clock_gettime(time.CLOCK_BOOTTIME) - time.perf_counter() + begin
        self._tick = tick_of(since_boot)
        self._newest = newest
        self.members: dict[int, int] = {}  # the tick of its start, by pid

    def saw_the_birth_of(self, pid: int, kin: Kin) -> bool:
        """Tell whether a process began in the block.  Within a tick of 10 ms, its pid tells."""
        if kin.start != self._tick or not self._newest:
            return kin.start >= self._tick
        return pid > self._newest


class Family:
    """The processes that descend from the notebook.

    A process belongs to it if its parent does, or if it has lost its parent and is in the
    notebook's own session.  A kernel leads a session, and whatever it starts is in this session
    until it leaves it with setsid(2): that is how a program detaches itself.  A script that does
    not lead a session may lead a process group; other members of a pipeline, which have the same
    parent as the script, are not its children.

    Args:
        head: the pid of the notebook.
        askers: for each worker of multiprocessing, the process that has asked for it: the fork
            server is the parent of other processes' workers.
        own: where the notebook belongs; it may have ended before anybody could look.
    """

    def __init__(self, head: int, askers: "dict[int, int]", own: "Kin | None" = None) -> None:
        self._head = head
        self._askers = askers
        self._own = own or kin_of(head)
        # nohup(1) lets a program ignore SIGHUP; if the notebook itself was started by it, all do.
        self._hangup_tells = True
        with contextlib.suppress(OSError):  # it has ended
            self._hangup_tells = not ignores_hangup(head)
        self._helpers: dict[tuple[int, int], bool] = {}

    def has_ended(self) -> bool:
        """Tell whether the notebook's process has ended, even if nobody has asked how."""
        try:
            kin = kin_of(self._head)
        except OSError:
            return True
        return kin.state in b"ZX" or kin.start != self._own.start

    def kin(self) -> "dict[int, Kin]":
        """Return what is known of all processes that are alive."""
        found: dict[int, Kin] = {}
        for pid in all_pids():
            with contextlib.suppress(OSError, IndexError):  # it has ended
                kin = kin_of(pid)
                if kin.state not in b"ZX":
                    found[pid] = kin
        return found

    def find_members(self, block: Block) -> "dict[int, Kin]":
        """Add what the block has started by now to its members; return all processes."""
        everybody = self.kin()
        gone = [
            pid
            for pid, start in block.members.items()
            if everybody.get(pid) is None or everybody[pid].start != start
        ]
        for pid in gone:
            del block.members[pid]
        candidates = {
            pid: kin
            for pid, kin in everybody.items()
            if pid not in block.members and pid != os.getpid() and block.saw_the_birth_of(pid, kin)
        }
        has_grown = True
        while has_grown:
            found = [p for p, kin in candidates.items() if self._belongs(p, kin, block, everybody)]
            for pid in found:
                block.members[pid] = candidates.pop(pid).start
            has_grown = bool(found)
        return everybody

    def _belongs(self, pid: int, kin: Kin, block: Block, everybody: "dict[int, Kin]") -> bool:
        parent = self._askers.get(pid, kin.parent)
        is_child = parent == self._head or parent in block.members
        return (is_child or self._is_orphan(kin, everybody)) and not self._is_helper(pid, kin)

    def _is_orphan(self, kin: Kin, everybody: "dict[int, Kin]") -> bool:
        """Tell whether a process in the notebook's session has lost its parent."""
        parent = everybody.get(kin.parent)
        if self._own.session == self._head:
            return kin.session == self._head and (parent is None or parent.session != self._head)
        if kin.group != self._head or self._own.group != self._head:
            return False
        is_inside = parent is not None and parent.group == self._head
        return not is_inside and kin.parent != self._own.parent

    def _is_helper(self, pid: int, kin: Kin) -> bool:
        """Tell whether it serves multiprocessing or the lens: it ends with the notebook.

        A resource tracker frees what killed processes have left.  The workers of a fork server
        have its command line, and are no helpers.
        """
        if pid in self._askers:
            return False
        if (pid, kin.start) not in self._helpers:
            try:
                self._helpers[pid, kin.start] = bool(helper_name(command_line(pid)))
            except OSError:
                return True  # it has ended
        return self._helpers[pid, kin.start]

    def is_worker(self, pid: int, everybody: "dict[int, Kin]") -> bool:
        """Tell whether a process is a worker of multiprocessing, or descends from one."""
        seen: set[int] = set()
        while pid in everybody and pid != self._head and pid not in seen:
            if pid in self._askers:
                return True
            seen.add(pid)
            pid = everybody[pid].parent
        return False

    def kill(self, pids: "list[int]", everybody: "dict[int, Kin]") -> int:
        """Kill these processes, but those that have detached themselves; return how many."""
        killed = 0
        for pid in pids:
            with contextlib.suppress(OSError):  # it has ended
                kin = everybody[pid]
                if self._has_parent_inside(kin, everybody) or not self._is_detached(pid, kin):
                    os.kill(pid, signal.SIGKILL)
                    killed += 1
        return killed

    def _has_parent_inside(self, kin: Kin, everybody: "dict[int, Kin]") -> bool:
        """Tell whether a process is still a child of the notebook, or of a process inside.

        It does not tell once the notebook has ended: the children of a killed process are its
        children until the last of its threads is gone.
        """
        if self.has_ended():
            return False
        parent = everybody.get(kin.parent)
        return kin.parent == self._head or (parent is not None and self._is_inside(parent))

    def _is_detached(self, pid: int, kin: Kin) -> bool:
        """Tell whether a process wants to outlive the notebook.

        It has a session of its own, like a daemon, or ignores SIGHUP, as nohup(1) does it.
        """
        return not self._is_inside(kin) or (self._hangup_tells and ignores_hangup(pid))

    def _is_inside(self, kin: Kin) -> bool:
        return kin.session == self._own.session

    def end_all(self, known: "set[int]", until: float) -> None:
        """End whoever is left of the notebook, which has ended.

        Args:
            known: processes that have descended from it as long as it lived.
            until: on the clock of time.monotonic; some may just be being started.
        """
        while True:
            everybody = self.kin()
            left = [
                pid
                for pid, kin in everybody.items()
                if pid != os.getpid()
                and (pid in known or self._is_orphan(kin, everybody) or kin.session == self._head)
                and kin.start >= self._own.start
                and not self._is_helper(pid, kin)
            ]
            if not self.kill(left, everybody) or time.monotonic() > until:
                return
            time.sleep(0.02)
