# SPDX-License-Identifier: MIT
"""Bytes of a machine over HTTP: its RAM, pagemap and their like, with Range."""
import struct
import threading
import unittest

from daemon import Case

ANON = "MAP_PRIVATE|MAP_ANONYMOUS"
AT = 0x10000000


class Bytes(Case):

    def setUp(self):
        super().setUp()
        self.machine()
        self.call("sys.mmap", machine="m", pid=1, addr=AT, len="64K", prot=3,
                  flags=ANON + "|MAP_FIXED")
        self.call("mem.write", machine="m", pid=1, addr=AT + 0x2ffe, data="abcdef")

    def get(self, path, wanted=None, method="GET", **headers):
        if wanted is not None:
            headers["Range"] = wanted
        return self.daemon.http(method, "/machines/m/" + path, None, headers)

    def part(self, path, first, last):
        status, headers, body = self.get(path, f"bytes={first}-{last}")
        self.assertEqual(status, 206)
        self.assertEqual(headers["Content-Type"], "application/octet-stream")
        self.assertTrue(headers["Content-Range"].startswith(f"bytes {first}-{last}/"))
        self.assertEqual(len(body), last - first + 1)
        return body

    def test_pagemap_finds_the_frame_and_ram_has_its_bytes(self):
        walked = self.call("mm.walk", machine="m", pid=1, addr=AT + 0x3000)["pfn"]
        index = (AT + 0x3000) >> 12
        entry, = struct.unpack("<Q", self.part("proc/1/pagemap", index * 8, index * 8 + 7))
        self.assertEqual(entry, 1 << 63 | 1 << 56 | walked)
        self.assertEqual(self.part("ram", walked << 12, (walked << 12) + 5), b"cdef\0\0")
        count, = struct.unpack("<Q", self.part("proc/kpagecount", walked * 8, walked * 8 + 7))
        self.assertEqual(count, 1)
        flags, = struct.unpack("<Q", self.part("proc/kpageflags", walked * 8, walked * 8 + 7))
        self.assertEqual(flags & 0x400005808, 0x400005808)

    def test_the_whole_ram_is_its_parts_and_holes_are_zeros(self):
        status, headers, whole = self.get("ram")
        self.assertEqual((status, len(whole)), (200, 64 << 20))
        self.assertEqual(headers["Accept-Ranges"], "bytes")
        self.assertNotIn("Content-Range", headers)
        self.assertIn(b"\0ab", whole)
        for first, last in ((0, 0), (4095, 4096), (1, 200000), (65535, 65536 * 3 + 1)):
            self.assertEqual(self.part("ram", first, last), whole[first:last + 1])
        runs = self.call("ram.map", machine="m")["runs"]
        pfn = 0
        for count, use in runs:
            if use == "free":
                self.assertFalse(any(whole[pfn << 12:pfn + count << 12]))
            pfn += count

    def test_ranges_are_those_of_rfc_9110(self):
        size = 64 << 20
        for wanted, status, told in (
                ("bytes=-4", 206, f"bytes {size - 4}-{size - 1}/{size}"),
                (f"bytes={size - 1}-", 206, f"bytes {size - 1}-{size - 1}/{size}"),
                (f"bytes={size - 2}-{size + 9}", 206, f"bytes {size - 2}-{size - 1}/{size}"),
                (f"bytes={size}-", 416, f"bytes */{size}"),
                ("bytes=-0", 416, f"bytes */{size}"),
                ("bytes=2-1", 200, None), ("pages=0-1", 200, None),
                ("bytes=0-1,4-5", 200, None)):
            got, headers, body = self.get("ram", wanted)
            self.assertEqual((got, headers.get("Content-Range")), (status, told), wanted)
            if status == 416:
                self.assertIn(b'"error"', body)
        # nothing vouches for the bytes being the same, so If-Range gives the whole
        self.assertEqual(self.get("ram", "bytes=0-1", **{"If-Range": '"x"'})[0], 200)
        self.assertEqual(self.get("proc/1/maps", "bytes=0-1")[0], 200)

    def test_head_tells_the_size_and_knows_no_range(self):
        for path, size in (("ram", 64 << 20), ("proc/kpageflags", 64 << 11),
                           ("proc/1/pagemap", ((1 << 47) - 4096) >> 9)):
            status, headers, body = self.get(path, "bytes=0-1", "HEAD")
            self.assertEqual((status, headers["Content-Length"], body), (200, str(size), b""))
            self.assertEqual(headers["Accept-Ranges"], "bytes")

    def test_head_of_a_text_is_that_of_its_get(self):
        for path in ("proc", "proc/1", "proc/1/fd/0", "proc/1/maps", "proc/vmstat"):
            status, headers, text = self.get(path)
            got, head, body = self.get(path, method="HEAD")
            self.assertEqual((got, body), (status, b""))
            self.assertEqual(head["Content-Length"], str(len(text)), path)
            self.assertEqual(head["Content-Type"], headers["Content-Type"])
            self.assertNotIn("Accept-Ranges", head)
        self.assertEqual(self.get("proc/1/fd/0")[2], b"/dev/null\n")

    def test_what_is_too_much_for_one_answer_says_so(self):
        size = ((1 << 47) - 4096) >> 9
        status, headers, body = self.get("proc/1/pagemap")
        self.assertEqual((status, headers["Content-Range"]), (416, f"bytes */{size}"))
        self.assertIn(b"ask for a Range", body)
        connection = self.daemon.raw(
            b"GET /machines/m/proc/1/pagemap HTTP/1.1\r\nHost: localhost\r\n"
            b"Range: bytes=7-\r\n\r\n", 4096)
        self.assertIn(b"HTTP/1.1 206 ", connection)
        self.assertIn(f"Content-Range: bytes 7-{7 + (1 << 30) - 1}/{size}\r\n".encode(),
                      connection)

    def test_the_last_entry_of_a_pagemap_is_there(self):
        self.call("mem.touch", machine="m", pid=1, addr="0x7fffffffe000", access="write")
        status, _, body = self.get("proc/1/pagemap", "bytes=-8")
        self.assertEqual(status, 206)
        self.assertEqual(struct.unpack("<Q", body)[0] >> 63, 1)

    def test_what_is_not_there(self):
        for path in ("proc/9/pagemap", "proc/pagemap", "ram/x", "proc/1/pagemap/x"):
            self.assertEqual(self.get(path)[0], 404, path)
        self.assertEqual(self.daemon.http("GET", "/machines/nobody/ram")[0], 404)
        self.assertEqual(self.daemon.http("POST", "/machines/m/ram", b"")[0], 405)
        data = self.refused(-32602, "proc.read", machine="m", path="/proc/1/pagemap")
        self.assertEqual(data["param"], "path")
        self.assertIn("/proc/1/pagemap is binary", data["why"])

    def test_looking_changes_nothing(self):
        before = self.call("machine.digest", machine="m")
        self.get("ram")
        self.get("proc/kpageflags")
        self.get("proc/1/pagemap", "bytes=0-9999999")
        self.assertEqual(self.call("machine.digest", machine="m"), before)

    def test_a_busy_machine_is_waited_for(self):
        """Long operations hold the machine while its bytes are being sent."""
        self.call("sys.mmap", machine="m", pid=1, addr=AT * 2, len="40M", prot=3,
                  flags=ANON + "|MAP_FIXED")
        stop = threading.Event()

        def work():
            byte = 0
            while not stop.is_set():
                byte += 1
                self.call("mem.fill", machine="m", pid=1, addr=AT * 2, len="40M",
                          byte=byte % 256)

        worker = threading.Thread(target=work)
        worker.start()
        try:
            for _ in range(4):
                status, _, whole = self.get("ram")
                self.assertEqual((status, len(whole)), (200, 64 << 20))
        finally:
            stop.set()
            worker.join()
        self.assertEqual(self.call("machine.check", machine="m")["violations"], [])

    def test_a_long_text_is_whole(self):
        """More areas than a loop looks at itself: the text is made elsewhere."""
        ops = [{"method": "sys.mmap", "params": {
            "pid": 1, "addr": 0x100000000000 + i * 0x2000, "len": 4096, "prot": 3,
            "flags": ANON + "|MAP_FIXED"}} for i in range(5000)]
        self.assertEqual(self.call("machine.run", machine="m", ops=ops)["passed"], 5000)
        areas = self.get("proc/1/maps")[2].count(b"\n")
        self.assertGreater(areas, 5000)
        status, _, text = self.get("proc/1/smaps")
        self.assertEqual((status, text.count(b"\nVmFlags: ")), (200, areas))
        self.assertEqual(text.decode(), self.call("proc.read", machine="m",
                                                  path="/proc/1/smaps")["text"])

    def test_a_machine_that_goes_away_ends_the_answer(self):
        with self.assertRaises(Exception):
            for i in range(50):
                self.machine(f"gone{i}")
                thread = threading.Timer(0.02, self.call, ("machine.destroy",),
                                         {"machine": f"gone{i}"})
                thread.start()
                try:
                    status, _, body = self.daemon.http("GET", f"/machines/gone{i}/ram")
                    self.assertEqual((status, len(body)), (200, 64 << 20))
                finally:
                    thread.join()
        self.assertEqual(self.call("machine.info", machine="m")["name"], "m")


if __name__ == "__main__":
    unittest.main()
