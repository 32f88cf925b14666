# SPDX-License-Identifier: MIT
"""JSON-RPC 2.0 to the letter, HTTP as docs/api.md has it, and what must be refused."""
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from daemon import MMAPD, Case, Daemon

INVALID = {"jsonrpc": "2.0", "error": -32600, "id": None}


class JsonRpc(Case):
    """The specification's own examples, with this daemon's methods."""

    def check(self, body, expected):
        status, answer = self.daemon.post(body)
        self.assertEqual(status, 200 if expected is not None else 204, body)

        def shape(item):
            kept = {"jsonrpc": item["jsonrpc"], "id": item["id"]}
            if "error" in item:
                kept["error"] = item["error"]["code"]
                self.assertIsInstance(item["error"]["message"], str)
            self.assertNotEqual("error" in item, "result" in item)
            return kept

        if isinstance(answer, list):
            answer = [shape(a) for a in answer]
        elif answer is not None:
            answer = shape(answer)
        self.assertEqual(answer, expected, body)

    def test_the_specifications_examples(self):
        ok = {"jsonrpc": "2.0", "id": 1}
        self.check({"jsonrpc": "2.0", "method": "machine.list", "params": [], "id": 1}, ok)
        self.check({"jsonrpc": "2.0", "method": "machine.list", "params": {}, "id": "3"},
                   {"jsonrpc": "2.0", "id": "3"})
        self.check({"jsonrpc": "2.0", "method": "update", "params": [1, 2, 3, 4, 5]}, None)
        self.check({"jsonrpc": "2.0", "method": "foobar"}, None)
        self.check({"jsonrpc": "2.0", "method": "foobar", "id": "1"},
                   {"jsonrpc": "2.0", "error": -32601, "id": "1"})
        self.check('{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]',
                   {"jsonrpc": "2.0", "error": -32700, "id": None})
        self.check('{"jsonrpc": "2.0", "method": 1, "params": "bar"}', INVALID)
        self.check('[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},'
                   '{"jsonrpc": "2.0", "method"', {"jsonrpc": "2.0", "error": -32700, "id": None})
        self.check([], INVALID)
        self.check([1], [INVALID])
        self.check([1, 2, 3], [INVALID] * 3)
        self.check([{"jsonrpc": "2.0", "method": "server.info", "id": "1"},
                    {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
                    {"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": "2"},
                    {"foo": "boo"},
                    {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "x"}, "id": "5"},
                    {"jsonrpc": "2.0", "method": "machine.list", "id": "9"}],
                   [{"jsonrpc": "2.0", "id": "1"},
                    {"jsonrpc": "2.0", "error": -32601, "id": "2"}, INVALID,
                    {"jsonrpc": "2.0", "error": -32601, "id": "5"},
                    {"jsonrpc": "2.0", "id": "9"}])
        self.check([{"jsonrpc": "2.0", "method": "notify_sum", "params": [1, 2, 4]},
                    {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}], None)

    def test_ids_come_back_as_they_were(self):
        for text in ("null", "-5", "-0", "1.0", "1.5", "1E2", '"\\u00e9\\n"', "9007199254740993",
                     "12345678901234567890", "1e400"):
            one = f'{{"jsonrpc":"2.0","id":{text},"method":"machine.list"}}'
            for sent in one, f"[{one}]":
                _, _, body = self.daemon.http("POST", "/rpc", sent.encode(),
                                              {"Content-Type": "application/json"})
                answer = json.loads(body, parse_int=str, parse_float=str)
                answer = answer[0] if sent[0] == "[" else answer
                self.assertEqual(answer["id"], json.loads(text, parse_int=str, parse_float=str))
        for text in ("true", "[1]", "{}"):
            self.check(f'{{"jsonrpc":"2.0","id":{text},"method":"machine.list"}}', INVALID)

    def test_envelopes_that_are_not_2_0(self):
        for body in ('{"method":"machine.list","id":1}', '{"jsonrpc":"1.0","method":"x","id":1}',
                     '{"jsonrpc":2.0,"method":"x","id":1}',
                     '{"jsonrpc":"2.0","method":"machine.list","params":7,"id":1}'):
            _, answer = self.daemon.post(body)
            self.assertEqual(answer["error"]["code"], -32600, body)

    def test_a_notification_runs_and_a_batch_runs_in_order(self):
        self.machine()
        make = {"jsonrpc": "2.0", "method": "sys.brk", "params": {"machine": "m", "pid": 1}}
        self.assertEqual(self.daemon.post(make), (204, None))
        self.assertEqual(self.call("machine.info", machine="m")["seq"], 2)
        _, answers = self.daemon.post([dict(make, id=i) for i in range(100)])
        self.assertEqual([a["id"] for a in answers], list(range(100)))
        self.assertEqual([a["result"]["seq"] for a in answers], list(range(3, 103)))

    def test_json_that_must_not_get_through(self):
        self.machine()
        digest = self.call("machine.digest", machine="m")
        brk = '{"jsonrpc":"2.0","id":1,"method":"sys.brk","params":{"machine":"m","pid":1%s}}'
        for body, code in (
                (brk % ',"addr":18446744073709551616', -32602),
                (brk % ',"pid":1', -32600),
                (brk % ',"addr":1e400', -32602),
                (brk % ',"addr":"\\u0000"', -32602),
                (brk % ',"addr":"4096\\u0000"', -32602),
                (brk % ',"addr":9223372036854775808', -32602),
                (brk % ',"addr":-9223372036854775809', -32602),
                (brk % (',"addr":' + "9" * 400), -32602),
                (brk.replace("sys.brk", "sys.brk\\u0000") % "", -32600),
                (brk % ',"addr":"\\ud800"', -32700),
                (brk % "" + "x", -32700),
                ("\ufeff" + brk % "", -32700),
                ("[" * 33 + "]" * 33, -32004),
                ("[" + "{}," * 131072 + "{}]", -32004)):
            status, answer = self.daemon.post(body)
            self.assertEqual((status, answer["error"]["code"]), (200, code), body[:80])
        for raw in (brk.encode() % b',"addr":"\xff"', (brk % "").encode() + b"\0"):
            status, answer = self.daemon.post(raw)
            self.assertEqual((status, answer["error"]["code"]), (200, -32700))
        self.assertEqual(self.call("machine.digest", machine="m"), digest)


    def test_a_number_too_large_is_the_affair_of_its_parameter(self):
        self.machine()
        one = '{"jsonrpc":"2.0","id":%s,"method":"sys.brk","params":{"machine":"m","pid":1%s}}'
        _, answers = self.daemon.post("[" + ",".join((
            one % (1, ',"addr":9223372036854775808'),
            one % ('"a \\"12345678901234567890\\" b"', ',"addr":9223372036854775807'),
            one % ("18446744073709551616", ""), one % (4, ""))) + "]")
        self.assertEqual(answers[0]["error"]["data"]["param"], "addr")
        self.assertEqual(answers[1]["id"], 'a "12345678901234567890" b')
        self.assertTrue(answers[1]["result"]["ok"])
        self.assertEqual(answers[2]["id"], 18446744073709551616)
        self.assertEqual(answers[3]["result"]["seq"], 4)


class Http(Case):

    def test_routes_and_statuses(self):
        self.machine()
        http = self.daemon.http
        self.assertEqual(http("GET", "/healthz")[0], 200)
        self.assertEqual(http("GET", "/readyz")[0], 200)
        status, headers, body = http("GET", "/openrpc.json")
        self.assertEqual((status, json.loads(body)["openrpc"]), (200, "1.3.2"))
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        self.assertEqual(json.loads(body), self.call("rpc.discover"))
        status, headers, body = http("GET", "/machines/m/proc/1/status")
        self.assertTrue(headers["Content-Type"].startswith("text/plain"))
        self.assertIn(b"VmRSS:", body)
        self.assertEqual(body.decode(), self.call("proc.read", machine="m",
                                                  path="/proc/1/status")["text"])
        self.assertIn(b"maps\n", http("GET", "/machines/m/proc/1")[2])
        self.assertEqual(json.loads(http("GET", "/machines")[2])["machines"][0]["name"], "m")
        for path in ("/nothing", "/machines/nobody/proc/1/maps", "/machines/m/proc/9/maps",
                     "/rpc/"):
            status, _, body = http("GET", path)
            self.assertEqual(status, 404, path)
            self.assertIn("error", json.loads(body))
        status, headers, _ = http("GET", "/rpc")
        self.assertEqual((status, headers["Allow"]), (405, "POST"))
        self.assertEqual(http("DELETE", "/machines")[0], 405)
        status, _, body = http("POST", "/rpc", b"{}",
                               {"Content-Type": "application/x-www-form-urlencoded"})
        self.assertEqual(status, 415)
        self.assertIn(b"curl --json", body)
        coded = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        status, _, body = http("POST", "/rpc", b"{}", coded)
        self.assertEqual(status, 415)
        self.assertIn(b"Content-Encoding", body)
        good = b'{"jsonrpc": "2.0", "id": 1, "method": "machine.list"}'
        coded["Content-Encoding"] = "identity"
        self.assertEqual(http("POST", "/rpc", good, coded)[0], 200)
        for kind in ("application/json-rpc", "application/jsonrequest",
                     "application/json; charset=utf-8"):
            self.assertEqual(self.daemon.post({"jsonrpc": "2.0", "id": 1,
                                               "method": "machine.list"}, kind)[0], 200)
        status, headers, body = http("HEAD", "/healthz")
        self.assertEqual((status, body), (200, b""))

    def test_a_body_over_4_mib_is_refused_before_it_is_read(self):
        answer = self.daemon.raw(
            b"POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 9223372036854775807\r\n\r\n")
        self.assertIn(b" 413 ", answer.split(b"\r\n")[0])

    def test_hosts_and_origins(self):
        self.machine()
        digest = self.call("machine.digest", machine="m")
        body = json.dumps({"jsonrpc": "2.0", "method": "mem.fill", "params": {
            "machine": "m", "pid": 1, "addr": "0x404000", "len": 1, "byte": 1}}).encode()
        port = self.daemon.port
        good = {"Content-Type": "application/json"}
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.2", "localhost.evil",
                     "0.0.0.0", "[::2]"):
            status, _, _ = self.daemon.http("POST", "/rpc", body, dict(good, Host=host))
            self.assertEqual(status, 403, host)
        for origin in ("null", "http://evil.example", "https://localhost.evil", ""):
            status, _, _ = self.daemon.http("POST", "/rpc", body, dict(good, Origin=origin))
            self.assertEqual(status, 403, origin)
        for name in f"localhost:{port}", f"127.0.0.1:{port}":
            own = dict(good, Host=name, Origin=f"http://{name}")
            harmless = b'{"jsonrpc": "2.0", "id": 1, "method": "machine.list"}'
            self.assertEqual(self.daemon.http("POST", "/rpc", harmless, own)[0], 200, name)
            for other in f"https://{name}", f"http://{name}0", "http://" + name.split(":")[0]:
                status, _, _ = self.daemon.http("POST", "/rpc", body, dict(own, Origin=other))
                self.assertEqual(status, 403, other)
        status, _, _ = self.daemon.http("POST", "/rpc", body,
                                        dict(good, **{"Sec-Fetch-Site": "cross-site"}))
        self.assertEqual(status, 403)
        self.assertEqual(self.call("machine.digest", machine="m"), digest)
        for host in ("localhost", "127.0.0.1", f"localhost:{port}", f"[::1]:{port}", "LOCALHOST"):
            self.assertEqual(self.daemon.http("GET", "/healthz", None, {"Host": host})[0], 200, host)

    SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"

    def test_ambiguous_http_is_refused_and_runs_nothing(self):
        self.machine()
        digest = self.call("machine.digest", machine="m")
        head = b"POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        get = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
        rows = {
            "CL + TE": (head + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                        + self.SMUGGLED, b"400"),
            "two CL": (head + b"Content-Length: 2\r\nContent-Length: 44\r\n\r\n{}"
                       + self.SMUGGLED, b"400"),
            "two Host": (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
                         b"400"),
            "no Host": (b"GET /healthz HTTP/1.1\r\n\r\n", b"400"),
            "absolute target": (b"GET http://evil.example/healthz HTTP/1.1\r\n"
                                b"Host: localhost\r\n\r\n", b"400"),
            "TE xchunked": (head + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", b"400"),
            "TE gzip, chunked": (head + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
                                 b"400"),
            "two TE": (head + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
                       b"0\r\n\r\n", b"400"),
            "TE with a space": (head + b"Transfer-Encoding : chunked\r\nContent-Length: 2\r\n\r\n{}",
                                b"400"),
            "CL +5": (head + b"Content-Length: +5\r\n\r\n{}   ", b"400"),
            "CL -1": (head + b"Content-Length: -1\r\n\r\n", b"400"),
            "CL list": (head + b"Content-Length: 0,36\r\n\r\n", b"400"),
            "CL 2^64": (head + b"Content-Length: 18446744073709551616\r\n\r\n", b"4"),
            "CL 2^64-1": (head + b"Content-Length: 18446744073709551615\r\n\r\n", b"413"),
            "huge chunk": (head + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", b"4"),
            "bare LF": (b"GET /healthz HTTP/1.1\nHost: localhost\n\n", b"400"),
            "obs-fold": (get + b"X-A: b\r\n c\r\n\r\n", b"400"),
            "NUL in a header": (get + b"X-A: b\0c\r\n\r\n", b"400"),
            "NUL in the target": (b"GET /heal\0thz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"400"),
            "bare CR": (get + b"X-A: b\rc\r\n\r\n", b"400"),
            "%00": (b"GET /machines/m/proc/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", b"400"),
            "%2e%2e": (b"GET /machines/%2e%2e/proc HTTP/1.1\r\nHost: localhost\r\n\r\n", b"400"),
            "100 KB header": (get + b"X-A: " + b"a" * 100000 + b"\r\n\r\n", b"431"),
            "100 KB target": (b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
                              b"414"),
            "unknown method": (b"BREW /rpc HTTP/1.1\r\nHost: localhost\r\n\r\n", b"4"),
            "HTTP/1.9": (b"GET /healthz HTTP/1.9\r\nHost: localhost\r\n\r\n", b"505"),
            "GET with a body": (get + b"Content-Length: 2\r\n\r\n{}", b"400"),
        }
        wrong = []
        for name, (data, status) in rows.items():
            answer = self.daemon.raw(data)
            line = answer.split(b"\r\n")[0].split(b" ")
            if len(line) < 2 or not line[1].startswith(status):
                wrong.append(f"{name}: {b' '.join(line)[:60]!r}, expected {status.decode()}")
            if len(re.findall(rb"HTTP/1\.\d \d\d\d ", answer)) > 1:
                wrong.append(f"{name}: the bytes after it were answered too")
        self.assertEqual(wrong, [])
        self.assertEqual(self.call("machine.digest", machine="m"), digest)

    @staticmethod
    def head_of(lines, size):
        """A POST's head of so many header lines and bytes in all; no body."""
        head = (b"POST /rpc HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: application/json\r\nContent-Length: 48\r\n")
        room, n = size - len(head) - 2, lines - 3
        for i in range(n):
            width = room // n if i < n - 1 else room - room // n * (n - 1)
            head += b"X-%02d: " % i + b"a" * (width - 8) + b"\r\n"
        return head + b"\r\n"

    def test_the_largest_head_fits_and_no_larger_one(self):
        body = b'{"jsonrpc":"2.0","id":1,"method":"machine.list"}'
        for lines, size, status in ((100, 8192, b"200"), (10, 8192, b"200"), (100, 4000, b"200"),
                                    (101, 8192, b"431"), (10, 8193, b"431")):
            head = self.head_of(lines, size)
            self.assertEqual(len(head), size)
            answer = self.daemon.raw(head + body)
            self.assertEqual(answer.split(b" ")[1], status, (lines, size))

    def test_the_last_answer_of_a_connection_comes_before_its_end(self):
        for line in (b"HTTP/1.0\r\n", b"HTTP/1.1\r\nConnection: close\r\n",
                     b"HTTP/1.1\r\nConnection: keep-alive, Close\r\n",
                     b"HTTP/1.1\r\nConnection: keep-alive\r\nConnection: close\r\n"):
            with socket.create_connection(("127.0.0.1", self.daemon.port), 10) as one:
                one.sendall(b"GET /machines " + line + b"Host: localhost\r\n\r\n")
                answer = b""
                while part := one.recv(4096):
                    answer += part
            self.assertRegex(answer, rb'(?s)^HTTP/1\.[01] 200 .*\{"machines":\[.*\]\}$', line)

    def test_a_crowd_is_answered_each_its_own(self):
        """More connections at one time than answers that wait for each other."""
        crowd = [socket.create_connection(("127.0.0.1", self.daemon.port), 10) for _ in range(100)]
        for turn in range(5):
            for i, one in enumerate(crowd):
                body = b'{"jsonrpc":"2.0","id":"%d of %d","method":"machine.list"}' % (i, turn)
                one.sendall(b"POST /rpc HTTP/1.1\r\nHost: localhost\r\n"
                            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                            % (len(body), body))
            for i, one in enumerate(crowd):
                answer = one.recv(4096)
                self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)
                self.assertIn(b'"id":"%d of %d"' % (i, turn), answer)
        for one in crowd:
            one.close()

    def test_pipelined_requests_are_answered_in_order(self):
        one = (b"POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
               b"Content-Length: %d\r\n\r\n%s")
        data = b""
        for i in range(50):
            body = b'{"jsonrpc":"2.0","id":%d,"method":"machine.list"}' % i
            data += one % (len(body), body)
        answer = self.daemon.raw(data, 1 << 20)
        ids = [int(part.split(b",")[0]) for part in answer.split(b'"id":')[1:]]
        self.assertEqual(ids, list(range(50)))


class Programs(unittest.TestCase):

    def test_sigterm_drains_and_ends_with_0(self):
        daemon = Daemon()
        stop = threading.Event()
        seen = []

        def client():
            while not stop.is_set():
                try:
                    seen.append(daemon.post({"jsonrpc": "2.0", "id": 1,
                                             "method": "machine.list"})[0])
                except OSError:
                    return

        threads = [threading.Thread(target=client) for _ in range(3)]
        for t in threads:
            t.start()
        while len(seen) < 20:
            time.sleep(0.01)
        self.assertEqual(daemon.stop(), 0)
        stop.set()
        for t in threads:
            t.join()
        self.assertTrue(set(seen) <= {200, 503})

    def test_sigint_as_well(self):
        daemon = Daemon()
        daemon.process.send_signal(signal.SIGINT)
        self.assertEqual(daemon.process.wait(30), 0)
        daemon.folder.cleanup()

    def test_options_that_make_no_sense_are_refused(self):
        for options in (["--listen", "0.0.0.0:0"], ["--listen", "nonsense"], ["--no-such-option"],
                        ["--store", "postgres://x"], ["--workers", "-1"],
                        ["--token-file", "/nonexistent"]):
            done = subprocess.run([MMAPD, *options], capture_output=True, timeout=30, check=False)
            self.assertNotEqual(done.returncode, 0, options)
            self.assertTrue(done.stderr, options)

    def test_a_token_is_asked_for_where_there_is_one(self):
        with tempfile.NamedTemporaryFile("w", delete=False) as f:
            f.write("secret-of-this-test\n")
        os.chmod(f.name, 0o600)
        daemon = Daemon("--token-file", f.name)
        try:
            body = b'{"jsonrpc":"2.0","id":1,"method":"machine.list"}'
            head = {"Content-Type": "application/json"}
            self.assertEqual(daemon.http("POST", "/rpc", body, head)[0], 401)
            head["Authorization"] = "Bearer wrong"
            self.assertIn(daemon.http("POST", "/rpc", body, head)[0], (401, 403))
            head["Authorization"] = "Bearer secret-of-this-test"
            self.assertEqual(daemon.http("POST", "/rpc", body, head)[0], 200)
        finally:
            daemon.stop()
            os.unlink(f.name)


if __name__ == "__main__":
    unittest.main()
