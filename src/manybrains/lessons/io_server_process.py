"""The local server behind `manybrains.lessons.io_server`: it makes its clients wait.

It runs as ``__main__`` of a bare child, ``python -I -S io_server_process.py NOTE DELAY PARENT``.
So it can import only the standard library, and no lesson imports it.
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading
import zlib
from pathlib import Path

__all__ = ["answer"]  # a program, not a module to import from

PAYLOAD = bytes(range(256)) * 32  # 8 KiB
HEAD = b"%d %d\n" % (len(PAYLOAD), zlib.crc32(PAYLOAD))
PATIENCE = 10.0  # seconds that a silent client may keep its connection


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Read one line, wait like a slow disk or a distant server, send the payload, and close."""
    with contextlib.suppress(OSError, TimeoutError, ValueError):  # errors of the client
        if await asyncio.wait_for(reader.readline(), PATIENCE) == b"fetch\n":
            await asyncio.sleep(delay)
            writer.write(HEAD + PAYLOAD)
            await asyncio.wait_for(writer.drain(), PATIENCE)
    with contextlib.suppress(OSError):
        writer.close()
        await writer.wait_closed()


async def serve(note: Path, delay: float, parent: int) -> None:
    """Listen on loopback, write the port into the file `note`, answer until the parent is gone."""
    server = await asyncio.start_server(
        lambda reader, writer: answer(reader, writer, delay), "127.0.0.1", 0, backlog=1024
    )
    unfinished = note.with_suffix(".part")
    unfinished.write_text(str(server.sockets[0].getsockname()[1]), encoding="ascii")
    unfinished.replace(note)  # so a reader of the file sees all of it
    # A worker that the parent forked holds a copy of the other end of our stdin.  Then stdin
    # does not close when the parent dies.  So watch the parent's pid too: on POSIX it changes.
    while os.name != "posix" or os.getppid() == parent:
        await asyncio.sleep(0.25)


def end_with_stdin() -> None:
    """End the process when the other end of stdin closes: when the parent dies, it does."""
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ended in another way
    threading.Thread(target=end_with_stdin, daemon=True).start()
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
