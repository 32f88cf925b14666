# SPDX-License-Identifier: MIT
"""mmapctl's commands that are no methods, and what it says where they make no sense."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

from daemon import MMAPCTL, Case

SMALL = {"path": "/p", "segments": [{"vaddr": "0x400000", "offset": 0, "filesz": 4096,
                                     "memsz": 8192, "prot": 5}]}


class Mmapctl(Case):
    def setUp(self):
        super().setUp()
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.call("machine.create", name="m", ram="64M")

    def ctl(self, *words):
        return subprocess.run([MMAPCTL, "--server", self.daemon.url, *words], check=False,
                              capture_output=True, text=True, timeout=120)

    def file(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="utf8") as file:
            file.write(text)
        return path

    def usage(self, *words):
        """What a command line that makes no sense is told."""
        done = self.ctl(*words)
        self.assertEqual((done.returncode, done.stdout), (2, ""), words)
        return done.stderr

    def test_an_elf_file_becomes_an_image_and_a_process(self):
        program = os.path.realpath(sys.executable)
        done = self.ctl("elf", program)
        self.assertEqual(done.returncode, 0, done.stderr)
        image = json.loads(done.stdout)
        self.assertEqual(image["path"], program)
        done = self.ctl("-m", "m", "spawn", "python", f"image=@{program}")
        self.assertEqual(done.returncode, 0, done.stderr)
        maps = self.call("proc.read", machine="m", path="/proc/1/maps")["text"]
        self.assertEqual(maps.count(" 08:01 "), len([line for line in maps.splitlines()
                                                    if line.endswith(program) or
                                                    line.endswith(image["interp"]["path"])]))
        self.assertIn(program, maps)
        self.assertEqual(self.call("machine.check", machine="m")["violations"], [])

    def test_what_is_no_program_is_refused(self):
        path = self.file("text", "#!/bin/sh\n")
        self.assertIn("no ELF file", self.ctl("elf", path).stderr)
        self.assertEqual(self.ctl("elf", path).returncode, 3)
        self.assertEqual(self.ctl("elf", path + ".none").returncode, 3)
        self.assertIn("usage: mmapctl elf FILE", self.usage("elf"))
        self.assertIn("no ELF file", self.usage("-m", "m", "spawn", f"image=@{path}"))
        self.assertEqual(self.call("process.list", machine="m")["processes"], [])

    def test_run_and_grade(self):
        ops = [{"method": "process.spawn", "params": {"image": "none"}, "expect": {"pid": 1}},
               {"method": "sys.close", "params": {"pid": 1, "fd": 44},
                "expect": {"errno": "EBADF"}},
               {"method": "sys.brk", "params": {"pid": 1}}]
        path = self.file("ops", json.dumps(ops))
        done = self.ctl("grade", path)
        self.assertEqual((done.returncode, done.stdout), (0, "PASS: 3 of 3 operations\n"))
        self.assertEqual([m["name"] for m in self.call("machine.list")["machines"]], ["m"])
        self.assertEqual(self.ctl("-m", "m", "grade", path).returncode, 0)
        done = self.ctl("-m", "m", "--json", "grade", path)    # pid 2 now
        self.assertEqual(done.returncode, 1)
        self.assertEqual(json.loads(done.stdout)["verdicts"], [False, True, True])
        done = self.ctl("-m", "m", "grade", path)
        self.assertIn('FAIL 1: process.spawn\n  expected  {"pid":1}\n  got       {', done.stdout)
        done = self.ctl("-m", "m", "--json", "run", path, "stop_on=mismatch")
        self.assertEqual(len(json.loads(done.stdout)["results"]), 1)
        for command in "run", "grade":
            self.assertIn(f"{command} FILE", self.usage("-m", "m", command))
            self.assertIn("no JSON array", self.usage("-m", "m", command, self.file("o", "{}")))
            self.assertIn("o:1:", self.usage("-m", "m", command, self.file("o", "[1,")))

    def test_top_shows_the_largest_first(self):
        self.call("process.spawn", machine="m", name="small", image="none")
        self.call("process.spawn", machine="m", name="large", image="none")
        at = self.call("sys.mmap", machine="m", pid=2, len="1M", prot=3, flags=34)["ret"]
        self.call("mem.touch", machine="m", pid=2, addr=at, len="1M", access="write")
        done = self.ctl("-m", "m", "top", "-n", "2", "-d", "0")
        rows = [line.split() for line in done.stdout.splitlines()]
        names = [row[-1] for row in rows if row and row[0] in "12"]
        self.assertEqual((done.returncode, names), (0, ["large", "small"] * 2))
        self.assertEqual(self.ctl("-m", "none", "top", "-n", "1").returncode, 3)
        self.assertIn("needs -m", self.usage("top"))
        for words in ["-n", "0"], ["-n", "x"], ["-d", "-1"], ["-d"], ["1"]:
            self.assertIn("usage: mmapctl -m MACHINE top", self.usage("-m", "m", "top", *words))

    def test_watch_tells_each_operation(self):
        self.call("process.spawn", machine="m", image="none")
        self.call("sys.close", machine="m", pid=1, fd=77)
        lines = self.ctl("-m", "m", "watch", "-n", "1", "0").stdout.splitlines()
        self.assertEqual([line.split()[:2] for line in lines],
                         [["1", "process.spawn"], ["2", "sys.close"]])
        self.assertIn('"errno":"EBADF"', lines[1])
        self.assertEqual(self.ctl("-m", "m", "watch", "-n", "1", "1").stdout, lines[1] + "\n")
        self.assertEqual(self.ctl("-m", "m", "watch", "-n", "1").stdout, "")
        self.assertEqual(self.ctl("-m", "m", "watch", "-n", "1", "soon").returncode, 3)

    def test_programs_are_run_again_from_the_history(self):
        self.call("file.create", machine="m", path="/p", size=8192, mode=0o755)
        self.call("process.spawn", machine="m", image=SMALL)
        self.call("process.spawn", machine="m", image="none")
        self.call("process.exec", machine="m", pid=2, image=SMALL)
        ops = self.call("machine.history", machine="m")["ops"]
        self.assertEqual(ops[1]["params"]["image"]["path"], "/p")
        self.assertEqual(ops[3]["params"]["image"]["path"], "/p")
        before = self.call("proc.read", machine="m", path="/proc/2/maps")["text"]
        self.call("process.exit", machine="m", pid=2)
        self.call("machine.fork", machine="m", name="past", seq=4)
        self.assertEqual(self.call("proc.read", machine="past", path="/proc/2/maps")["text"], before)

    def test_record_and_replay_say_what_they_need(self):
        self.assertIn("usage: mmapctl record", self.usage("record"))
        self.assertIn("usage: mmapctl record", self.usage("record", "-o", "x"))
        self.assertIn("usage: mmapctl replay", self.usage("replay"))
        self.assertIn("usage: mmapctl replay", self.usage("replay", "--none", "x"))
        self.assertIn("No such file", self.usage("replay", "/none/such"))
        self.assertIn("no recording", self.usage("replay", self.file("x", "hello\n")))
        head = '{"format": "mmapd recording", "version": 1}\n'
        self.assertIn("line 2", self.usage("replay", self.file("x", head + '{"p": 1}\n')))
        bad = head + json.dumps({"p": 1, "exec": {"path": "x"}}) + "\n"
        done = self.ctl("replay", self.file("x", bad))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("exec", done.stdout)
        self.assertIn("segments: is required", done.stdout)
        self.assertEqual([m["name"] for m in self.call("machine.list")["machines"]], ["m"])

    def test_replay_keeps_its_machine_if_told(self):
        text = " S 10000000,8\nI  10000008,4\n"
        done = self.ctl("-m", "kept", "replay", "--keep", "--ram", "64M", self.file("x", text))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("accesses   2, 1 page faults", done.stdout)
        self.assertEqual(self.call("machine.info", machine="kept")["ram"], 64 << 20)

    def test_a_log_of_strace_is_replayed(self):
        log = os.path.join(self.folder.name, "log")
        words = ["setarch", "-R", "strace", "-f", "-o", log, "sh", "-c", "cat /etc/passwd | sort"]
        if not (shutil.which("setarch") and shutil.which("strace")) or \
           subprocess.run(words, capture_output=True, check=False).returncode:
            self.skipTest("no strace here")
        done = self.ctl("--json", "replay", log)
        report = json.loads(done.stdout)
        self.assertEqual((done.returncode, report["differences"]), (0, []))
        self.assertGreater(report["calls"], 50)
