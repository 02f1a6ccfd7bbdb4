"""Births and last instructions of workers; the worker and the process that starts it note them.

A worker installs the same hooks at its birth, so that its own children are seen too.
Workers import this: it is light.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import time

from ..workers.cleanup import die_with_parent
from ..workers.cpu_clock import own_cpu
from ..workers.import_hooks import wrap
from ..workers.interrupts import DelayedInterrupt
from ..workers.output import capture
from ..workers.session import Session, current_session, set_session
from ..workers.snapshot import HOOKS_OF_A_SNAPSHOT, begin
from ..workers.stack_dumps import tell_stacks_on
from ..workers.stdlib_internals import (
    EXECUTOR_LOOP,
    PICKLE_TASK,
    PICKLE_WORKER,
    POOL_LOOP,
    PROCESS_BODY,
    arguments_of,
    at_the_very_end,
    exit_handlers_run_after_the_body,
    requester_of,
    target_of,
)
from .births import Birth, arrive, birth_of, hooks_of_spawning, place_of
from .exit_hooks import HOOKS_OF_EXITS
from .hints import start_remedy, with_explanation, with_remedy, with_tuple
from .thread_hooks import HOOKS_OF_THREADS
from .worker_internals import wrap_initializer

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from multiprocessing.process import BaseProcess
    from typing import Any

    from ..workers.import_hooks import Hook, Table

__all__ = ["HOOKS_OF_EVERY_PROCESS"]


def _of_processes(process: Any) -> list[Hook]:
    return [
        wrap(process.BaseProcess, "__init__", with_tuple("args", 3, "target", 1)),
        wrap(process.BaseProcess, "start", _around_start),
        wrap(process.BaseProcess, PROCESS_BODY, _around_body),
    ]


class _Arrival:
    """Travels with a process object to its worker; unpickled there, it installs the session."""

    def __init__(
        self,
        folder: str,
        birth: Birth,
        stack_signal: int,
        delay: DelayedInterrupt | None = None,
    ) -> None:
        self.folder = folder
        self.birth = birth
        self.stack_signal = stack_signal
        self.delay = delay  # a forked worker begins inside it

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrive, (self.folder, self.birth, self.stack_signal)


def _arrive(folder: str, birth: Birth, stack_signal: int) -> _Arrival:
    if current_session() is None:
        _draw_own_random_numbers()
        session = Session(folder)
        session.hook(HOOKS_OF_EVERY_PROCESS)
        begin()
        session.hook(HOOKS_OF_A_SNAPSHOT)
        session.stack_signal = stack_signal
        session.stack_file = tell_stacks_on(stack_signal, folder)
        set_session(session)
    return _Arrival(folder, birth, stack_signal)


def _draw_own_random_numbers() -> None:
    """Seed NumPy's global generator anew, as if this worker had imported NumPy itself.

    The fork server may have imported it in advance, and all its children would draw the same.
    """
    random = sys.modules.get("numpy.random")
    if random is not None:
        random.seed()


def _around_start(start: Callable[[Any], None]) -> Callable[[Any], None]:
    start = with_remedy(start, start_remedy)

    @functools.wraps(start)
    def noted_start(self: Any) -> None:
        __tracebackhide__ = True  # IPython leaves this frame out
        session = current_session()
        if session is None:
            start(self)
            return
        requested = time.perf_counter()
        output = session.relay.path_for_worker(self) if session.relay else session.output
        birth = birth_of(self, session.folder, output)
        with DelayedInterrupt() as delay:  # an interrupt leaves no unknown worker
            self._manybrains = _Arrival(session.folder, birth, session.stack_signal, delay)
            try:
                with birth:
                    start(self)
            except Exception as error:
                if getattr(error, "says_all", False):  # where in multiprocessing, adds nothing
                    error.__traceback__ = None
                raise
            finally:
                del self._manybrains
            session.log.note(
                "requested", self.pid, asker=os.getpid(), moment=requested, name=self.name
            )

    return noted_start


def _around_body(body: Callable[..., int]) -> Callable[..., int]:
    @functools.wraps(body)
    def noted_body(self: Any, parent_sentinel: int | None = None) -> int:
        arrival, session = getattr(self, "_manybrains", None), current_session()
        if session is None or arrival is None:
            return body(self, parent_sentinel=parent_sentinel)
        del self._manybrains
        if arrival.delay is not None:
            arrival.delay.leave()
        else:  # it was not forked
            session.streams = arrive()
        _enter_worker(session, self, parent_sentinel, arrival)
        try:
            return body(self, parent_sentinel=parent_sentinel)
        finally:
            if not exit_handlers_run_after_the_body():
                _note_last_instruction(session)

    return noted_body


def _note_last_instruction(session: Session) -> None:
    """Note the worker's last own instruction; its end comes later, and the system tells it."""
    cpu, of_children = own_cpu()
    moment = time.perf_counter()
    session.log.note("finished", os.getpid(), moment=moment, cpu=cpu, children_cpu=of_children)


def _enter_worker(
    session: Session, worker: BaseProcess, sentinel: int | None, arrival: _Arrival
) -> None:
    birth = arrival.birth
    born = time.perf_counter()
    if sentinel is not None:
        die_with_parent(sentinel)
    session.enter_child(birth.output)
    asker, parent = requester_of(worker), os.getppid()
    session.log.note("born", session.pid, asker=asker, parent=parent, moment=born, name=worker.name)
    # One that was not forked may have printed before, as its main module begins.
    if birth.output is not None and (arrival.delay is not None or session.streams is None):
        with contextlib.suppress(OSError):  # then it prints to the usual place
            session.streams = capture(birth.output, worker.name, session.streams)
    loop = target_of(worker)
    if (place := place_of(loop)) in (POOL_LOOP, EXECUTOR_LOOP):
        from .task_errors import read_tasks_safely

        read_tasks_safely(loop, arguments_of(worker)[0], birth.over)
        if place == EXECUTOR_LOOP:
            wrap_initializer(worker, functools.partial(_initialize, birth))
    worker.run = functools.partial(_run, session, birth, worker.run)  # type: ignore[method-assign]


def _initialize(birth: Birth, initializer: Callable[..., None], *arguments: Any) -> None:
    """Call an executor's initializer; its parent, not this worker, tells of an error."""
    try:
        initializer(*arguments)
    except BaseException as error:
        if birth.failed("initializer", error):
            import logging

            # The executor logs it; where the reader has no handler, it would be printed.
            logging.getLogger("concurrent.futures").addHandler(logging.NullHandler())
        raise


def _run(session: Session, birth: Birth, run: Callable[[], None]) -> None:
    """Do a worker's work; report an error like multiprocessing, but in one write."""
    at_the_very_end(functools.partial(_note_last_instruction, session))
    try:
        run()
    except SystemExit as error:
        birth.failed("initializer", error)
        raise
    except BaseException as error:
        if birth.failed("initializer", error):  # its parent tells
            raise SystemExit(1) from None
        import traceback

        from .task_errors import add_hint

        add_hint(error)
        own = error.__traceback__.tb_next if error.__traceback__ else None
        lines = traceback.format_exception(type(error), error, own)
        sys.stderr.write(f"Process {birth.name}:\n" + "".join(lines))
        raise SystemExit(1) from None


# These modules are imported with what they hook: a worker that has no workers needs none of them.
def _of_pools(pool: Any) -> list[Hook]:
    from .pool_hooks import hooks_of_pools

    return hooks_of_pools(pool)


def _of_executors(executor: Any) -> list[Hook]:
    from .executor_hooks import hooks_of_executors

    return hooks_of_executors(executor)


def _of_managers(managers: Any) -> list[Hook]:
    from .executor_hooks import hooks_of_managers

    return hooks_of_managers(managers)


def _of_pickling(reduction: Any) -> list[Hook]:
    pickler = reduction.ForkingPickler
    dumps = with_explanation(vars(pickler)[PICKLE_TASK].__func__, "explain_message")
    dump = with_explanation(getattr(reduction, PICKLE_WORKER), "explain_start")
    return [(pickler, PICKLE_TASK, classmethod(dumps)), (reduction, PICKLE_WORKER, dump)]


HOOKS_OF_EVERY_PROCESS: Mapping[str, Table] = {
    **HOOKS_OF_EXITS,
    "concurrent.futures.process": _of_executors,
    "multiprocessing.managers": _of_managers,
    "multiprocessing.pool": _of_pools,
    "multiprocessing.process": _of_processes,
    "multiprocessing.reduction": _of_pickling,
    "multiprocessing.spawn": hooks_of_spawning,
    **HOOKS_OF_THREADS,
}
