#!/usr/bin/env python3
"""A long line between client and server, on one machine: what comes in leaves so many milliseconds later.

    delayline.py PORT TARGET MILLISECONDS

Listens on 127.0.0.1 and connects to another port there. Any number of octets may be on their way: it is as wide as
this machine allows. Prints a line of JSON when a connection has ended: how many octets went each way, and the
turns, which are the times that the client spoke again after it had been answered.
"""

import asyncio
import json
import sys

PIECE = 256 * 1024


class Direction:
    """Octets of one connection, one way."""

    def __init__(self, reader, writer, delay):
        self.reader, self.writer, self.delay = reader, writer, delay
        self.on_their_way = asyncio.Queue()
        self.octets = 0

    async def receive(self, told):
        loop = asyncio.get_running_loop()
        try:
            while piece := await self.reader.read(PIECE):
                told(len(piece))
                self.octets += len(piece)
                self.on_their_way.put_nowait((loop.time() + self.delay, piece))
        except OSError:
            pass
        self.on_their_way.put_nowait((loop.time() + self.delay, b""))

    async def send(self, told):
        loop = asyncio.get_running_loop()
        while True:
            due, piece = await self.on_their_way.get()
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            try:
                if not piece:
                    self.writer.write_eof()
                    return
                self.writer.write(piece)
                told(len(piece))
                await self.writer.drain()
            except OSError:
                return


class Line:
    def __init__(self, target, delay):
        self.target, self.delay = target, delay

    async def connected(self, reader, writer):
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target)
        turns, answered = 0, False

        def client_spoke(_):
            nonlocal turns, answered
            turns, answered = turns + answered, False

        def client_heard(_):
            nonlocal answered
            answered = True

        there = Direction(reader, server_writer, self.delay)
        back = Direction(server_reader, writer, self.delay)
        await asyncio.gather(there.receive(client_spoke), there.send(lambda _: None), back.receive(lambda _: None),
                             back.send(client_heard))
        for one in (writer, server_writer):
            one.close()
        print(json.dumps({"to_server": there.octets, "to_client": back.octets, "turns": turns}), flush=True)


async def main():
    port, target, milliseconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    line = Line(target, milliseconds / 1000)
    server = await asyncio.start_server(line.connected, "127.0.0.1", port, backlog=100)
    print(json.dumps({"ready": True}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__.strip())
    asyncio.run(main())
