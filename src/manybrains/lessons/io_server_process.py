"""The local server behind `manybrains.work.io_server`: it makes its clients wait.

Runs as ``__main__`` of a bare child (``python -I -S server.py NOTE DELAY PARENT``),
so it may import nothing but the standard library; no lesson imports it.
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
PATIENCE = 10.0  # seconds a silent client may keep its connection


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Read one line, wait as a slow disk or a far server would, send the payload, hang up."""
    with contextlib.suppress(OSError, TimeoutError, ValueError):  # the client's trouble, not ours
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
    unfinished.replace(note)  # whoever sees the file sees all of it
    # Workers forked by the parent hold a copy of our stdin's other end, which then does not
    # close with the parent: so look who the parent is, too (on POSIX, where it changes).
    while os.name != "posix" or os.getppid() == parent:
        await asyncio.sleep(0.25)


def end_with_stdin() -> None:
    """End the process when the other end of stdin is closed, as it is when its owner dies."""
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupted cell ends us by other means
    threading.Thread(target=end_with_stdin, daemon=True).start()
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
