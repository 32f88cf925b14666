# SPDX-License-Identifier: MIT
"""Machines over time: the story of the README, history, snapshots, runs."""
import json
import subprocess
import threading
import unittest

from daemon import MMAPCTL, Case, described, resolve

ANON = "MAP_PRIVATE|MAP_ANONYMOUS"


class Machines(Case):

    def use_files(self, name):
        """A memfd written, mapped, moved, locked and read, in process 1."""
        c = self.call
        fd = c("sys.memfd_create", machine=name, pid=1, name="notes")["ret"]
        self.assertEqual(c("sys.write", machine=name, pid=1, fd=fd, data="hello")["ret"], 5)
        self.assertEqual(c("sys.pwrite", machine=name, pid=1, fd=fd, data="00ff",
                           encoding="hex", offset=4)["ret"], 2)
        self.assertEqual(c("sys.pread", machine=name, pid=1, fd=fd, count=9, offset=0)["data"],
                         "68656c6c00ff")
        at = c("sys.mmap", machine=name, pid=1, len=4096, prot="PROT_READ|PROT_WRITE",
               flags="MAP_SHARED", fd=fd)["ret"]
        c("sys.mlock", machine=name, pid=1, addr=at, len=4096)
        at = c("sys.mremap", machine=name, pid=1, addr=at, old_len=4096, new_len=4096,
               flags="MREMAP_MAYMOVE|MREMAP_FIXED", new_addr="0x10000000")["ret"]
        self.assertEqual(at, "0x10000000")
        self.assertEqual(c("sys.write", machine=name, pid=1, fd=fd, buf=at, count=6)["ret"], 6)
        self.assertEqual(c("sys.mincore", machine=name, pid=1, addr=at, len=4096)["vec"], [1])
        _, _, text = self.daemon.http("GET", f"/machines/{name}/proc/1/maps")
        self.assertIn(b" /memfd:notes (deleted)\n", text)

    def story(self, name):
        """Map, touch, fork, write in the child; the digest at the end."""
        c = self.call
        c("machine.create", name=name)
        c("process.spawn", machine=name)
        at = c("sys.mmap", machine=name, pid=1, len="2M", prot="PROT_READ|PROT_WRITE",
               flags=ANON, explain=True)
        numbers = {s["n"] for s in at["steps"] if "n" in s}
        self.assertEqual(numbers, set(range(1, 12)), "the eleven steps")
        at = at["ret"]
        c("mem.touch", machine=name, pid=1, addr=at, len="2M", access="write")
        c("process.fork", machine=name, pid=1)
        pfn = c("mm.walk", machine=name, pid=1, addr=at)["pfn"]
        self.assertEqual(c("page.rmap", machine=name, pfn=pfn)["mappings"],
                         [{"pid": 1, "addr": at}, {"pid": 2, "addr": at}])
        self.assertEqual(c("page.info", machine=name, pfn=pfn)["_mapcount"], 1)
        c("mem.write", machine=name, pid=2, addr=at, data="hello")
        self.use_files(name)
        frames = [c("mm.walk", machine=name, pid=p, addr=at)["pfn"] for p in (1, 2)]
        self.assertNotEqual(*frames)
        for pid, frame in zip((1, 2), frames):
            self.assertEqual(c("page.rmap", machine=name, pfn=frame)["mappings"],
                             [{"pid": pid, "addr": at}])
        for pid in (1, 2):
            _, _, text = self.daemon.http("GET", f"/machines/{name}/proc/{pid}/maps")
            self.assertIn(b"7ffff7c00000-7ffff7e00000 rw-p 00000000 00:00 0 \n", text)
        self.assertEqual(c("machine.check", machine=name)["violations"], [])
        return c("machine.digest", machine=name)["digest"]

    def test_the_same_story_twice_gives_the_same_digest(self):
        self.assertEqual(self.story("demo"), self.story("again"))

    def test_paths_are_kept_and_lived_through_again(self):
        """Files made, opened and unlinked: the past is run again with their paths."""
        c = self.call
        self.machine()
        c("file.create", machine="m", path="/lib/\u00e9/so", data="7f454c46", encoding="hex")
        self.assertEqual(c("sys.open", machine="m", pid=1, path="/tmp/a",
                           flags="O_RDWR|O_CREAT")["ret"], 3)
        c("sys.write", machine="m", pid=1, fd=3, data="hello")
        seq = c("machine.info", machine="m")["seq"]
        digest = c("machine.digest", machine="m")["digest"]
        self.assertTrue(c("sys.unlink", machine="m", pid=1, path="tmp/../tmp/a")["ok"])
        self.refused(-32006, "file.info", machine="m", path="/tmp/a")
        self.assertEqual(c("proc.read", machine="m", path="/proc/1/fd/3")["text"],
                         "/tmp/a (deleted)\n")
        paths = [op["params"].get("path") for op in c("machine.history", machine="m")["ops"]]
        self.assertEqual(paths[-4:], ["/lib/\u00e9/so", "/tmp/a", None, "tmp/../tmp/a"])
        self.refused(-32602, "sys.open", machine="m", pid=1, path="x" * 65537)
        self.refused(-32602, "sys.open", machine="m", pid=1, path="a\0b")
        c("machine.revert", machine="m", seq=seq)
        self.assertEqual(c("machine.digest", machine="m")["digest"], digest)
        self.assertEqual(c("file.info", machine="m", path="/tmp/a")["size"], 5)
        self.assertEqual(c("sys.pread", machine="m", pid=1, fd=3, count=9, offset=0,
                           encoding="utf8")["data"], "hello")
        self.assertEqual(c("machine.check", machine="m")["violations"], [])

    def test_refused_operations_count_and_looking_does_not(self):
        self.machine()
        self.assertEqual(self.call("machine.info", machine="m")["seq"], 1)
        r = self.call("sys.mmap", machine="m", pid=1, len=0, prot=0, flags=ANON)
        self.assertEqual((r["ok"], r["seq"], r["errno"]), (False, 2, "EINVAL"))
        for method in ("mm.info", "mm.maps", "process.info"):
            self.call(method, machine="m", pid=1)
        self.call("machine.sysctl", machine="m", name="vm.swappiness")
        self.call("machine.snapshot", machine="m", snapshot="s")
        self.assertEqual(self.call("machine.info", machine="m")["seq"], 2)
        r = self.call("machine.sysctl", machine="m", name="vm.swappiness", value=10)
        self.assertEqual((r["value"], r["seq"]), (10, 3))
        self.assertEqual(self.call("machine.tick", machine="m", jiffies=5)["seq"], 4)

    def test_history_can_be_sent_again_and_gives_the_same_state(self):
        self.story("first")
        ops = self.call("machine.history", machine="first", limit=1000)["ops"]
        self.assertEqual([o["seq"] for o in ops], list(range(1, len(ops) + 1)))
        self.call("machine.create", name="second")
        run = self.call("machine.run", machine="second", stop_on="mismatch",
                        ops=[{"method": o["method"], "params": o["params"],
                              "expect": o["result"]} for o in ops])
        self.assertEqual((run["passed"], run["failed"]), (len(ops), 0))
        self.assertEqual(self.call("machine.digest", machine="first")["digest"],
                         self.call("machine.digest", machine="second")["digest"])

    def test_data_too_long_to_be_kept_is_told_by_its_length(self):
        self.machine()
        at = self.call("sys.mmap", machine="m", pid=1, len="2M", prot="PROT_READ|PROT_WRITE",
                       flags=ANON)["ret"]
        for length in 1 << 20, (1 << 20) + 1:
            self.call("mem.write", machine="m", pid=1, addr=at, data="x" * length)
        kept, dropped = (op["params"] for op in
                         self.call("machine.history", machine="m", since=2)["ops"])
        self.assertEqual(kept["data"], "78" * (1 << 20))
        self.assertNotIn("data_dropped", kept)
        self.assertEqual(dropped, {"pid": 1, "addr": at, "deliver": False,
                                   "data_dropped": (1 << 20) + 1})
        entry = self.daemon.result_schema("machine.history")
        for step in "ops", "items", "params":
            entry = resolve(entry, self.daemon.document)
            entry = entry["items"] if step == "items" else entry["properties"][step]
        self.assertIn("data_dropped", described(entry, self.daemon.document))

    def test_snapshots_survive_and_reverts_are_operations(self):
        self.machine()
        digest = self.call("machine.digest", machine="m")["digest"]
        self.call("machine.snapshot", machine="m", snapshot="start")
        for _ in range(3):
            self.call("mem.fill", machine="m", pid=1, addr="0x404000", len=8192, byte=7)
            self.assertNotEqual(self.call("machine.digest", machine="m")["digest"], digest)
            seq = self.call("machine.info", machine="m")["seq"]
            r = self.call("machine.revert", machine="m", snapshot="start")
            self.assertEqual(r["seq"], seq + 1)
            self.assertEqual(self.call("machine.digest", machine="m")["digest"], digest)
        r = self.call("machine.revert", machine="m", seq=2)
        self.assertNotEqual(self.call("machine.digest", machine="m")["digest"], digest)
        self.assertEqual(self.call("machine.check", machine="m")["violations"], [])

    def test_a_fork_has_its_own_future(self):
        self.machine()
        before = self.call("machine.digest", machine="m")["digest"]
        self.call("machine.fork", machine="m", name="branch")
        self.assertEqual(self.call("machine.digest", machine="branch")["digest"], before)
        self.call("mem.write", machine="branch", pid=1, addr="0x404000", data="x")
        self.assertEqual(self.call("machine.digest", machine="m")["digest"], before)
        self.assertNotEqual(self.call("machine.digest", machine="branch")["digest"], before)

    def test_an_atomic_run_that_stops_leaves_everything_as_it_was(self):
        self.machine()
        before = self.call("machine.digest", machine="m")
        ops = [{"method": "mem.fill", "params": {"pid": 1, "addr": "0x404000", "len": 64,
                                                 "byte": 1}},
               {"method": "sys.munmap", "params": {"pid": 1, "addr": 1, "len": 1}}]
        run = self.call("machine.run", machine="m", ops=ops, stop_on="failure", atomic=True)
        self.assertEqual((run["passed"], run["failed"], run["stopped"]), (1, 1, True))
        self.assertEqual(self.call("machine.digest", machine="m"), before)
        run = self.call("machine.run", machine="m", ops=ops, atomic=True)
        self.assertEqual(run["seq"], before["seq"] + 2)

    def test_a_signal_ends_a_process_only_where_asked(self):
        self.machine()
        self.call("mem.read", machine="m", pid=1, addr=0, len=1)
        self.call("process.info", machine="m", pid=1)
        self.call("mem.read", machine="m", pid=1, addr=0, len=1, deliver=True)
        self.refused(-32002, "process.info", machine="m", pid=1)

    def test_clients_side_by_side_leave_a_sound_machine(self):
        self.machine()
        failures = []

        def client(name):
            try:
                for _ in range(60):
                    r = self.call("sys.mmap", machine=name, pid=1, len=8192, prot=3, flags=ANON)
                    self.call("mem.touch", machine=name, pid=1, addr=r["ret"], len=8192,
                              access="write")
                    self.call("sys.munmap", machine=name, pid=1, addr=r["ret"], len=8192)
            except Exception as error:  # noqa: whatever it is, the test must see it
                failures.append(error)

        for i in range(3):
            self.machine(f"own{i}")
        names = ["m"] * 4 + ["own0", "own1", "own2"]
        threads = [threading.Thread(target=client, args=(n,)) for n in names]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])
        self.assertEqual(self.call("machine.info", machine="m")["seq"], 1 + 4 * 60 * 3)
        for name in set(names):
            self.assertEqual(self.call("machine.check", machine=name)["violations"], [])

    def ctl(self, *words):
        return subprocess.run([MMAPCTL, "--server", self.daemon.url, *words], check=False,
                              capture_output=True, text=True, timeout=60)

    def test_mmapctl_reaches_every_method_by_name(self):
        self.assertEqual(self.ctl("create", "m", "ram=64M").returncode, 0)
        self.assertEqual(self.ctl("-m", "m", "spawn").returncode, 0)
        done = self.ctl("-m", "m", "--json", "sys.mmap", "pid=1", "len=4K", "prot=PROT_READ",
                        "flags=MAP_PRIVATE|MAP_ANONYMOUS")
        self.assertEqual(json.loads(done.stdout)["ret"], "0x7ffff7ff6000")
        text = self.ctl("-m", "m", "proc.read", "/proc/1/maps").stdout
        self.assertEqual(self.ctl("-m", "m", "maps", "1").stdout, text)
        self.assertEqual(self.ctl("-m", "m", "sys.munmap", "1", "1", "1").returncode, 1)
        self.assertEqual(self.ctl("-m", "m", "sys.munmap", "nonsense=1").returncode, 2)
        self.assertEqual(self.ctl("-m", "nobody", "machine.info").returncode, 3)
        self.assertEqual(subprocess.run([MMAPCTL, "--server", "http://127.0.0.1:1", "ls"],
                                        capture_output=True, check=False).returncode, 4)
        self.assertIn("did you mean sys.mmap", self.ctl("sys.mmpa").stderr)

    def test_what_is_expected_is_compared_by_value(self):
        self.machine()
        brk = {"method": "sys.brk", "params": {"pid": 1, "addr": 0}}
        at = int(self.call("sys.brk", machine="m", pid=1, addr=0)["ret"], 16)
        gone = {"method": "sys.brk", "params": {"pid": 77}}
        bad = {"method": "sys.close", "params": {"pid": 1, "fd": 99}}
        for op, expect, met in (
                (brk, {"ret": at}, 1), (brk, {"ret": hex(at)}, 1), (brk, {"ret": str(at)}, 1),
                (brk, {"ret": at + 1}, 0), (brk, {}, 1), (brk, {"ok": 1}, 0),
                (bad, {"ret": -9}, 1), (bad, {"ret": "-9"}, 1), (bad, {"errno": "EBADF"}, 1),
                (bad, {"ret": "-0x9"}, 1), (bad, {"error": {}}, 0),
                (gone, {"error": {"code": -32002}}, 1), (gone, {"error": {"code": -32001}}, 0),
                (gone, {"ok": False}, 0)):
            r = self.call("machine.run", machine="m", ops=[dict(op, expect=expect)])
            self.assertEqual((r["passed"], r["failed"]), (met, 1 - met), expect)
        digest = self.call("machine.digest", machine="m")
        for wrong in ({"expected": {}}, {"expect": 3}, {"expect": None}, {"id": 1}):
            data = self.refused(-32602, "machine.run", machine="m", ops=[brk, dict(brk, **wrong)])
            self.assertEqual(data["param"], "ops")
        self.assertEqual(self.call("machine.digest", machine="m"), digest)


if __name__ == "__main__":
    unittest.main()
