"""A stand-in for the daemon on a phone: the adb protocol over TCP, for the real client.

It has no phone behind it: commands run here, in a folder that stands for `/data`. See
packages/modules/adb/protocol.txt and SYNC.TXT in the Android source.
"""

import asyncio
import struct
import threading
from pathlib import Path

CNXN, OPEN, OKAY, WRTE, CLSE = (
    int.from_bytes(name, "little")
    for name in (b"CNXN", b"OPEN", b"OKAY", b"WRTE", b"CLSE")
)
BANNER = b"device::ro.product.name=stand-in;features=shell_v2,cmd,stat_v2"
PROPERTIES = {
    "ro.product.model": "Stand-in phone",
    "ro.build.fingerprint": "stand-in/1",
    "ro.product.cpu.abi": "arm64-v8a",
}


class Stream:
    """One OPEN of the client: writes wait for their OKAY."""

    def __init__(self, connection, mine, theirs):
        self.connection, self.mine, self.theirs = connection, mine, theirs
        self.incoming = asyncio.Queue()
        self.okay = asyncio.Event()
        self.buffer = b""

    async def write(self, payload):
        self.okay.clear()
        self.connection.send(WRTE, self.mine, self.theirs, payload)
        await self.okay.wait()

    async def read(self, count):
        while len(self.buffer) < count:
            self.buffer += await self.incoming.get()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def close(self):
        self.connection.send(CLSE, self.mine, self.theirs)


class Connection:
    def __init__(self, phone, writer):
        self.phone, self.writer = phone, writer
        self.streams = {}
        self.tasks = set()

    def send(self, command, arg0, arg1, payload=b""):
        self.writer.write(
            struct.pack(
                "<6I",
                command,
                arg0,
                arg1,
                len(payload),
                sum(payload),
                command ^ 0xFFFFFFFF,
            )
            + payload
        )

    async def serve(self, reader):
        while True:
            head = await reader.readexactly(24)
            command, arg0, arg1, length, *_ = struct.unpack("<6I", head)
            payload = await reader.readexactly(length)
            if command == CNXN:
                self.send(CNXN, 0x01000001, 256 * 1024, BANNER)
            elif command == OPEN:
                stream = Stream(self, len(self.streams) + 1, arg0)
                self.streams[stream.mine] = stream
                self.send(OKAY, stream.mine, arg0)
                task = asyncio.create_task(
                    self.phone.run(stream, payload.rstrip(b"\0"))
                )
                self.tasks.add(task)
            elif command == WRTE:
                self.streams[arg1].incoming.put_nowait(payload)
                self.send(OKAY, arg1, arg0)
            elif command == OKAY and arg1 in self.streams:
                self.streams[arg1].okay.set()


class Phone:
    """Runs in a thread of its own; `port` is where `adb connect` finds it.

    Args:
        folder: Stands for `/data`.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.commands = []
        self.dies_after = None
        ready = threading.Event()
        threading.Thread(target=self._main, args=(ready,), daemon=True).start()
        ready.wait(10)

    def _main(self, ready):
        asyncio.run(self._listen(ready))

    async def _listen(self, ready):
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await server.serve_forever()

    async def _connected(self, reader, writer):
        try:
            await Connection(self, writer).serve(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run(self, stream, service):
        kind, _, words = service.decode().partition(":")
        if kind.startswith("shell,"):
            await self._shell(stream, words)
        elif kind == "sync":
            await self._sync(stream)
        stream.close()

    async def _shell(self, stream, command):
        self.commands.append(command)
        if self.dies_after is not None and len(self.commands) > self.dies_after:
            stream.connection.writer.transport.abort()
            return
        if command.startswith("getprop "):
            code, out, err = 0, PROPERTIES[command.split()[1]].encode(), b""
        elif command == "dumpsys battery":
            code, out, err = 0, b"  USB powered: true\n  temperature: 312\n", b""
        else:
            here = command.replace("/data/", f"{self.folder}/")
            process = await asyncio.create_subprocess_shell(here, stdout=-1, stderr=-1)
            out, err = await process.communicate()
            code = process.returncode
        for which, content in ((1, out), (2, err), (3, bytes([code]))):
            await stream.write(struct.pack("<BI", which, len(content)) + content)

    async def _sync(self, stream):
        while True:
            what, length = struct.unpack("<4sI", await stream.read(8))
            if what == b"QUIT":
                return
            text = await stream.read(length)
            path = Path(
                str(self.folder) + text.decode().split(",")[0].removeprefix("/data")
            )
            if what in (b"STAT", b"LST2", b"STA2"):
                await stream.write(self._stat(what, path))
            elif what == b"SEND":
                await self._receive(stream, path)
                await stream.write(struct.pack("<4sI", b"OKAY", 0))

    def _stat(self, what, path):
        mode = path.stat().st_mode if path.exists() else 0
        if what == b"STAT":
            return struct.pack("<4s3I", what, mode, 0, 0)
        error = 0 if path.exists() else 2
        return struct.pack(
            "<4sI2Q4IQ3q",
            what,
            error,
            0,
            0,
            mode,
            1,
            0,
            0,
            0,
            0,
            0,
            0,
        )

    async def _receive(self, stream, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            while True:
                what, length = struct.unpack("<4sI", await stream.read(8))
                if what == b"DONE":
                    return
                file.write(await stream.read(length))
