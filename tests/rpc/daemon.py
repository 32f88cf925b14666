# SPDX-License-Identifier: MIT
"""A real mmapd on a free port, for tests. Python 3, standard library only."""
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest

BUILD = os.environ.get("top_builddir", os.path.join(os.path.dirname(__file__), "../../build"))
SOURCE = os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "../.."))
MMAPD = os.path.join(BUILD, "server/mmapd")
MMAPCTL = os.path.join(BUILD, "clients/cli/mmapctl")


class Refused(Exception):
    """A JSON-RPC error."""

    def __init__(self, error):
        super().__init__(str(error))
        self.code = error["code"]
        self.data = error.get("data", {})


def resolve(schema, root):
    while "$ref" in schema:
        schema = root["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
KEYWORDS = {"type", "properties", "required", "items", "anyOf", "oneOf", "allOf", "const", "enum",
            "if", "then", "pattern", "minimum", "maximum", "minLength", "maxLength",
            "description", "default", "additionalProperties"}


def why_wrong(value, schema, root, where="result"):
    """Why a value is none of a JSON Schema (what of it openrpc.json uses); None if it is."""
    schema = resolve(schema, root)
    assert set(schema) <= KEYWORDS, schema
    kind = schema.get("type")
    if kind == "integer":
        if not isinstance(value, int) or isinstance(value, bool):
            return f"{where}: {value!r} is no integer"
        if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            return f"{where}: {value} is out of range"
    elif kind and not isinstance(value, TYPES[kind]):
        return f"{where}: {value!r} is no {kind}"
    if "const" in schema and value != schema["const"] or value not in schema.get("enum", [value]):
        return f"{where}: {value!r} is another value"
    if isinstance(value, str) and not (
            re.search(schema.get("pattern", ""), value) and
            schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))):
        return f"{where}: {value!r} does not match"
    inner = []
    if isinstance(value, dict):
        missing = set(schema.get("required", [])) - set(value)
        if missing:
            return f"{where}: lacks {sorted(missing)}"
        inner = [(value[key], of, f"{where}.{key}")
                 for key, of in schema.get("properties", {}).items() if key in value]
    elif isinstance(value, list) and "items" in schema:
        inner = [(item, schema["items"], f"{where}[]") for item in value]
    inner += [(value, of, where) for of in schema.get("allOf", [])]
    if "if" in schema and not why_wrong(value, schema["if"], root):
        inner.append((value, schema["then"], where))
    for item, of, at in inner:
        why = why_wrong(item, of, root, at)
        if why:
            return why
    for key, allowed in ("anyOf", (1, 99)), ("oneOf", (1, 1)):
        fit = sum(not why_wrong(value, of, root) for of in schema.get(key, []))
        if key in schema and not allowed[0] <= fit <= allowed[1]:
            return f"{where}: {value!r} fits {fit} of {key}"
    return None


def described(schema, root):
    """The members that a schema of an object names."""
    schema = resolve(schema, root)
    names = set(schema.get("properties", {}))
    for part in [*schema.get("allOf", []), *([schema["then"]] if "then" in schema else [])]:
        names |= described(part, root)
    return names


class Daemon:
    """Starts on construction; stop() drains it and gives the exit status."""

    def __init__(self, *options, before=None):
        """@before: what the child does before it becomes mmapd, such as to lower a limit."""
        self.folder = tempfile.TemporaryDirectory()
        self.document = None            # openrpc.json, once it is needed
        port_file = os.path.join(self.folder.name, "port")
        self.process = subprocess.Popen(
            [MMAPD, "--listen", "127.0.0.1:0", "--port-file", port_file,
             "--ephemeral", "--workers", "2", *options],
            stderr=subprocess.DEVNULL, preexec_fn=before)
        for _ in range(600):
            if os.path.exists(port_file) and os.path.getsize(port_file):
                break
            if self.process.poll() is not None:
                raise RuntimeError("mmapd did not start")
            time.sleep(0.05)
        with open(port_file, encoding="ascii") as f:
            self.port = int(f.read())
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(30)
        self.folder.cleanup()
        return status

    def http(self, method, path, body=None, headers=None):
        """(status, headers, bytes) of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def post(self, body, content_type="application/json"):
        """(status, parsed answer or None) of a POST of text or of an object."""
        if not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        status, _, text = self.http("POST", "/rpc", body, {"Content-Type": content_type})
        return status, json.loads(text) if text else None

    def call(self, method, **params):
        """The result; Refused where it is an error."""
        _, answer = self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        if "error" in answer:
            raise Refused(answer["error"])
        result = answer["result"]
        wrong = why_wrong(result, self.result_schema(method), self.document)
        assert not wrong, f"{method} {params}: openrpc.json: {wrong}"
        return result

    def result_schema(self, method):
        """What openrpc.json says of a method's result."""
        if not self.document:
            self.document = json.loads(self.http("GET", "/openrpc.json")[2])
        return next(m["result"]["schema"] for m in self.document["methods"]
                    if m["name"] == method)

    def raw(self, data, limit=65536):
        """Bytes as they are, and what comes back until the other side closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=15) as s:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            got = b""
            try:
                while len(got) < limit:
                    piece = s.recv(4096)
                    if not piece:
                        break
                    got += piece
                    s.settimeout(2)  # the answer came: does more follow?
            except (ConnectionResetError, socket.timeout):
                pass
            return got


def schema(name):
    with open(os.path.join(SOURCE, "schema", name), encoding="utf-8") as f:
        return json.load(f)


def methods():
    folder = os.path.join(SOURCE, "schema/methods")
    found = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".json"):
            found += schema("methods/" + name)
    return found


class Case(unittest.TestCase):
    """Tests that share one daemon; each begins without machines."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()
        cls.call = staticmethod(cls.daemon.call)

    @classmethod
    def tearDownClass(cls):
        status = cls.daemon.stop()
        if status != 0:
            raise AssertionError(f"mmapd ended with {status}")

    def setUp(self):
        for machine in self.call("machine.list")["machines"]:
            self.call("machine.destroy", machine=machine["name"])

    def refused(self, code, method, **params):
        with self.assertRaises(Refused) as caught:
            self.call(method, **params)
        self.assertEqual(caught.exception.code, code, f"{method} {params}: {caught.exception}")
        return caught.exception.data

    def machine(self, name="m", **params):
        self.call("machine.create", name=name, ram="64M", **params)
        return self.call("process.spawn", machine=name)["pid"]

    def assertCovers(self, expected, got, where):
        """Member by member, as machine.run's expect."""
        if isinstance(expected, dict):
            for key, value in expected.items():
                self.assertIn(key, got, where)
                self.assertCovers(value, got[key], f"{where}.{key}")
        else:
            self.assertEqual(expected, got, where)
