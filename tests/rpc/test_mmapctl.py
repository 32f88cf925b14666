# SPDX-License-Identifier: MIT
"""mmapctl's commands that are no methods, and what it says where they make no sense."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

from daemon import BUILD, MMAPCTL, Case, Daemon
from mistyped import MISTYPED

SMALL = {"path": "/p", "segments": [{"vaddr": "0x400000", "offset": 0, "filesz": 4096,
                                     "memsz": 8192, "prot": 5}]}


class Mmapctl(Case):
    def setUp(self):
        super().setUp()
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.call("machine.create", name="m", ram="64M")

    def ctl(self, *words, env=None):
        return subprocess.run([MMAPCTL, "--server", self.daemon.url, *words], check=False,
                              capture_output=True, text=True, timeout=120, env=env)

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

    def test_a_table_has_every_column_of_every_row(self):
        self.call("process.spawn", machine="m")
        ops = [{"method": "sys.brk", "params": {"pid": 1}},
               {"method": "sys.munmap", "params": {"pid": 1, "addr": 0, "len": 0}}]
        lines = self.ctl("-m", "m", "run", self.file("ops", json.dumps(ops))).stdout.splitlines()
        head = lines[1].split()
        self.assertEqual((lines[0], set(head)), ("results", {"ok", "ret", "seq", "errno", "why"}))
        why = self.call("machine.history", machine="m", since=2)["ops"][0]["result"]["why"]
        at = lines[1].index("errno")
        self.assertEqual(lines[3][at:].split(None, 1), ["EINVAL", why])
        self.assertEqual(lines[2][at:].split(), ["-", "-"])
        done = self.ctl("-m", "m", "sys.mmap", "1", "0", "0", "3", "34", "explain=true")
        steps = self.call("sys.mmap", machine="m", pid=1, len=0, prot=3, flags=34,
                          explain=True)["steps"]
        table = done.stdout[done.stdout.index("steps\n"):].splitlines()
        self.assertEqual(set(table[1].split()), {key for step in steps for key in step})
        self.assertNotIn("{}", done.stdout)
        self.assertIn(steps[-1]["why"], done.stdout)

    def test_a_value_has_the_type_of_its_parameter(self):
        self.call("process.spawn", machine="m")
        self.assertEqual(self.ctl("create", "123", "ram=64M").returncode, 0)
        self.assertEqual(self.call("machine.info", machine="123")["name"], "123")
        self.assertEqual(self.ctl("-m", "123", "spawn", "7", "image=none").returncode, 0)
        self.assertEqual(self.call("process.list", machine="123")["processes"][0]["name"], "7")
        for words in (["sys.memfd_create", "pid=1", "name=5"],
                      ["mem.write", "pid=1", "addr=0x404000", "data=123"],
                      ["mem.write", "1", "0x404003", 'true"x"']):
            self.assertEqual(self.ctl("-m", "m", *words).returncode, 0, words)
        data = self.call("mem.read", machine="m", pid=1, addr="0x404000", len=10, encoding="utf8")
        self.assertEqual(data["data"], '123true"x"')
        for words in (["-m", "m", "process.info", "pid=1", "pid=2"],
                      ["-m", "m", "process.info", "1", "pid=1"],
                      ["-m", "m", "process.info", "machine=m", "1"]):
            self.assertIn("is given twice", self.usage(*words))

    def test_maps_are_those_of_proc(self):
        self.call("process.spawn", machine="m")
        text = self.call("proc.read", machine="m", path="/proc/1/maps")["text"]
        self.assertIn("[vsyscall]", text)
        for word in "1", "pid=1":
            self.assertEqual(self.ctl("-m", "m", "maps", word).stdout, text)
        vmas = self.call("mm.maps", machine="m", pid=1)
        self.assertEqual(json.loads(self.ctl("-m", "m", "--json", "maps", "1").stdout), vmas)
        self.assertIn("end", self.ctl("-m", "m", "mm.maps", "1").stdout.splitlines()[1])
        self.assertIn("/proc/9/maps", self.ctl("-m", "m", "maps", "9").stderr)
        for words in ["maps", "1"], ["-m", "m", "maps"], ["-m", "m", "maps", "x"]:
            self.assertEqual(self.ctl(*words).returncode, 3, words)
        self.usage("-m", "m", "maps", "1", "2")

    def test_help_knows_every_command(self):
        whole = self.ctl("help").stdout
        for word in ("create", "ls", "rm", "spawn", "maps", "walk", "run", "grade", "record",
                     "replay", "elf", "top", "watch", "quiz", "completion", "fork", "sys.mmap"):
            done = self.ctl("help", word)
            self.assertEqual(done.returncode, 0, word)
            self.assertIn(word, done.stdout)
            self.assertIn(f"\n  {word}", whole)
        self.assertIn("old_len", self.ctl("help", "sys.mremap").stdout)
        self.assertIn("there is no command", self.usage("help", "mapz"))
        self.assertIn("MMAPD_TOKEN", whole)
        methods = whole[whole.index("Methods:"):].split("\n\n")[0].splitlines()[1:]
        rows = {line[2:].split()[0]: line for line in methods}
        width = max(map(len, rows)) + 4
        for name, line in rows.items():
            self.assertEqual(line[:width], f"  {name}".ljust(width))
            self.assertNotEqual(line[width], " ")
        for word in "--version", "-V":
            self.assertRegex(self.ctl(word).stdout, "^mmapctl [0-9].*\n$")

    def test_what_is_mistyped_is_answered_with_what_was_meant(self):
        self.call("process.spawn", machine="m")
        digest = self.call("machine.digest", machine="m")
        self.assertGreaterEqual(len(MISTYPED), 50)
        for line, status, says in MISTYPED:
            words = line.split() if line.startswith("-") else ["-m", "m", *line.split()]
            done = self.ctl(*words)
            self.assertEqual(done.returncode, status, (line, done.stderr))
            self.assertIn(says, done.stderr, line)
            if status == 2:
                self.assertEqual(done.stdout, "", line)
        self.assertEqual(self.call("machine.digest", machine="m"), digest)
        self.assertEqual([m["name"] for m in self.call("machine.list")["machines"]], ["m"])

    def test_options_may_stand_anywhere(self):
        self.call("process.spawn", machine="m")
        self.assertEqual(json.loads(self.ctl("ls", "--json").stdout), self.call("machine.list"))
        for words in (["brk", "1", "-m", "m"], ["brk", "-mm", "pid=1"],
                      ["brk", "1", "--machine=m"], ["brk", "--machine", "m", "1"]):
            self.assertEqual(self.ctl(*words).returncode, 0, words)
        for words in ["munmap", "--help"], ["-h", "sys.munmap"], ["sys.munmap", "1", "--help"]:
            done = self.ctl(*words)
            self.assertEqual(done.returncode, 0)
            self.assertTrue(done.stdout.startswith("sys.munmap: "), words)
        path = self.file("told", "")
        done = self.ctl("record", "-o", path, "--", "true", "--help", "--json", "-m", "x")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(path, encoding="utf8") as file:
            self.assertEqual(json.loads(file.readline())["command"],
                             ["true", "--help", "--json", "-m", "x"])

    def test_the_environment_names_server_and_machine(self):
        self.call("process.spawn", machine="m")
        self.call("machine.create", name="other", ram="64M")
        env = dict(os.environ, MMAPD_SERVER=self.daemon.url, MMAPD_MACHINE="m")

        def ctl(*words):
            return subprocess.run([MMAPCTL, *words], check=False, capture_output=True,
                                  text=True, timeout=120, env=env)

        self.assertEqual(ctl("brk", "1").returncode, 0)
        self.assertEqual(ctl("-m", "other", "brk", "1").returncode, 3)
        self.assertEqual(ctl("brk", "machine=other", "1").returncode, 3)
        self.assertEqual(ctl("machine.info").stdout.split()[:2], ["name", "m"])
        self.assertEqual(ctl("rm", "other").returncode, 0)
        self.assertEqual([m["name"] for m in self.call("machine.list")["machines"]], ["m"])
        ops = self.file("ops", json.dumps([{"method": "process.spawn", "expect": {"pid": 1}}]))
        self.assertEqual(ctl("grade", ops).stdout, "PASS: 1 of 1 operations\n")

    def test_results_are_for_people(self):
        self.call("process.spawn", machine="m")
        self.call("mem.write", machine="m", pid=1, addr="0x404ff0", data="0123456789abcdef~\x7f")
        lines = self.ctl("-m", "m", "mem.read", "1", "0x404ff0", "18").stdout.splitlines()
        at = lines.index("data")
        self.assertEqual(lines[at + 1], "00404ff0  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66"
                                        "  |0123456789abcdef|")
        self.assertEqual(lines[at + 2], "00405000  7e 7f" + " " * 45 + "|~.|")
        text = self.ctl("-m", "m", "mem.read", "1", "0x404ff0", "16", "utf8").stdout
        self.assertIn("data   0123456789abcdef\n", text)
        for words in ["mm.vma", "1", "0x404000"], ["mm.maps", "1"], ["mm.walk", "1", "0x404000"], \
                ["ram.zones"], ["machine.history"], ["process.info", "1"], ["page.info", "5"]:
            text = self.ctl("-m", "m", *words).stdout
            self.assertNotRegex(text, r'"|\[\]|\[[0-9{]|{}', words)

    def test_a_run_with_a_mismatch_is_a_failure(self):
        for expect, status in ({"pid": 1}, 0), ({"pid": 7}, 1):
            self.call("machine.create", name="run", ram="64M")
            ops = self.file("ops", json.dumps([{"method": "process.spawn", "expect": expect}]))
            self.assertEqual(self.ctl("-m", "run", "run", ops).returncode, status)
            self.call("machine.destroy", machine="run")

    def complete(self, line):
        """What bash offers for a line typed so far."""
        script = ('source "$1"; COMP_LINE=$2; COMP_POINT=${#2}; _mmapctl; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        env = dict(os.environ, MMAPD_SERVER=self.daemon.url,
                   PATH=os.path.dirname(MMAPCTL) + ":" + os.environ["PATH"])
        done = subprocess.run(["bash", "-c", script, "bash",
                               os.path.join(BUILD, "clients/cli/completion/mmapctl"), line],
                              check=True, capture_output=True, text=True, env=env)
        return done.stdout.split()

    def test_bash_completes(self):
        for line, offered in (("mmapctl machine.sn", ["machine.snapshot"]),
                              ("mmapctl -m ", ["m"]), ("mmapctl rm ", ["m"]),
                              ("mmapctl --machine=x munmap ad", ["addr="]),
                              ("mmapctl -m m mmap prot=PROT_W", ["PROT_WRITE"]),
                              ("mmapctl mmap flags=MAP_FIXED|MAP_PRI", ["MAP_PRIVATE"]),
                              ("mmapctl mem.touch access=", ["read", "write", "exec"]),
                              ("mmapctl walk machine=", ["m"]), ("mmapctl --ver", ["--version"]),
                              ("mmapctl help compl", ["completion"]), ("mmapctl zz", [])):
            self.assertEqual(self.complete(line), offered, line)
        self.assertEqual(self.complete("mmapctl munmap "),
                         ["machine=", "pid=", "addr=", "len=", "explain=", "deliver="])

    def test_a_token_that_is_missing_or_wrong_is_told(self):
        token = self.file("token", "secret-of-the-test\n")
        guarded = Daemon("--token-file", token)
        try:
            env = {key: value for key, value in os.environ.items() if key != "MMAPD_TOKEN"}
            for given, status, hint in ((None, 4, "export MMAPD_TOKEN"),
                                        ("wrong", 4, "does not take the token"),
                                        ("secret-of-the-test", 0, "")):
                words = ["--server", guarded.url, "ls"]
                done = self.ctl(*words, env=dict(env, MMAPD_TOKEN=given) if given else env)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertIn(hint, done.stderr)
                self.assertEqual("HTTP status 401" in done.stderr, status != 0)
                self.assertNotIn("{", done.stderr)
        finally:
            self.assertEqual(guarded.stop(), 0)

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
