# SPDX-License-Identifier: MIT
"""What clients and small hosts do to a daemon, and that it serves the others and goes on."""
import json
import resource
import socket
import unittest

from daemon import Daemon


def lower(what, to):
    return lambda: resource.setrlimit(what, (to, to))


class Limits(unittest.TestCase):
    def start(self, *options, before=None):
        daemon = Daemon(*options, before=before)
        self.addCleanup(lambda: self.assertEqual(daemon.stop(), 0))
        return daemon

    def rpc(self, daemon, calls):
        status, _, body = daemon.http("POST", "/rpc", json.dumps(calls),
                                      {"Content-Type": "application/json"})
        self.assertEqual(status, 200)
        return json.loads(body)

    def call(self, daemon, method, **params):
        return self.rpc(daemon, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})

    def test_as_many_clients_as_there_are_descriptors_come_and_go(self):
        daemon = self.start(before=lower(resource.RLIMIT_NOFILE, 64))
        for _ in range(2):
            clients = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(150)]
            for client in clients:
                client.close()
        for _ in range(20):     # every worker accepts again
            self.assertEqual(daemon.http("GET", "/healthz")[0], 200)

    def test_little_address_space_is_told_and_survived(self):
        daemon = self.start(before=lower(resource.RLIMIT_AS, 200 << 20))
        answer = self.call(daemon, "machine.create", name="a", ram="1G", disk="16M")
        self.assertEqual(answer["error"]["code"], -32004)
        self.assertIn("result", self.call(daemon, "machine.create", name="a", ram="4M", disk="4M"))
        self.assertIn("result", self.call(daemon, "machine.digest", machine="a"))

    def test_memory_is_what_the_option_says(self):
        daemon = self.start("--memory", "32M")
        limits = self.call(daemon, "server.info")["result"]["limits"]
        self.assertEqual((limits["total_resident_frames"], limits["resident_frames"]),
                         (8192, 8192))
        self.call(daemon, "machine.create", name="a", ram="256M")
        self.call(daemon, "process.spawn", machine="a", image="none")
        at = self.call(daemon, "sys.mmap", machine="a", pid=1, len="128M", prot=3,
                       flags=34)["result"]["ret"]
        answer = self.call(daemon, "mem.fill", machine="a", pid=1, addr=at, len="128M", byte=1)
        self.assertEqual(answer["error"]["code"], -32004)
        self.assertEqual(daemon.http("GET", "/healthz")[0], 200)

    def test_long_looks_of_a_batch_are_answered_whole(self):
        daemon = self.start()
        self.call(daemon, "machine.create", name="a", ram="256M")
        self.call(daemon, "process.spawn", machine="a", image="none")
        ops = [{"method": "sys.mmap", "params": {"pid": 1, "addr": 0x100000000 + i * 0x2000,
                                                 "len": 4096, "prot": 1, "flags": 50}}
               for i in range(3000)]
        self.assertEqual(self.call(daemon, "machine.run", machine="a",
                                   ops=ops)["result"]["failed"], 0)
        asked = ["mm.maps", "machine.info", "mm.maps", "process.list", "machine.history"]
        answers = self.rpc(daemon, [{"jsonrpc": "2.0", "id": i, "method": method,
                                     "params": {"machine": "a"} | ({"pid": 1} if method == "mm.maps"
                                                                   else {})}
                                    for i, method in enumerate(asked)])
        self.assertEqual([a["id"] for a in answers], list(range(5)))
        self.assertEqual(len(answers[0]["result"]["vmas"]), 3001)
        self.assertEqual(answers[2], dict(answers[0], id=2))
        self.assertEqual(answers[1]["result"]["seq"], 3002 - 1)
