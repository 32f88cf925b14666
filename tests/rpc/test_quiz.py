# SPDX-License-Identifier: MIT
"""mmapctl quiz: its answers against models that know nothing of the daemon."""
import re
import subprocess

from daemon import MMAPCTL, Case

SEEDS = range(1, 25)
ARENA, PAGE = 0x10000000, 4096
PRESENT = 1
FRAME = 0x000ffffffffff000


def numbered(text):
    """The lines "NR. operation: answer" of a question."""
    return re.findall(r"^ +\d+\. (.*)$", text, re.M)


class Quiz(Case):
    def ask(self, kind, seed, *words):
        done = subprocess.run([MMAPCTL, "--server", self.daemon.url, "quiz", kind, "--seed",
                               str(seed), *words], check=False, capture_output=True, text=True,
                              timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_the_same_seed_asks_the_same(self):
        for kind in "translate", "faults", "cow", "maps":
            question = self.ask(kind, 3)
            self.assertEqual(question, self.ask(kind, 3))
            self.assertNotEqual(question, self.ask(kind, 4))
            answered = self.ask(kind, 3, "-c")
            self.assertNotEqual(question, answered)
            words = iter(answered.split())
            self.assertTrue(all(any(word.rstrip(":") == w.rstrip(":") for w in words)
                                for word in question.split()), kind)
        self.assertEqual(self.call("machine.list")["machines"], [])

    def test_translations_follow_the_entries_shown(self):
        outcomes = set()
        for seed in SEEDS:
            text = self.ask("translate", seed, "-c")
            memory = {int(at, 16): int(entry, 16) for at, entry in
                      re.findall(r"^  (0x\w+): (0x\w+)$", text, re.M)}
            root = int(re.search(r"begin at (0x\w+)", text)[1], 16)
            asked = re.findall(r"^  (0x\w+) pgd.*?: (.*)$", text, re.M)
            self.assertEqual(len(asked), 5)
            for addr, answer in asked:
                addr, table, wanted = int(addr, 16), root, None
                for shift in 39, 30, 21, 12:
                    entry = memory[table + (addr >> shift & 511) * 8]
                    if not entry & PRESENT:
                        break
                    table = entry & FRAME
                else:
                    wanted = hex(table | addr % PAGE)
                outcomes.add(wanted is None)
                self.assertEqual("faults" in answer, wanted is None, (seed, hex(addr)))
                if wanted:
                    self.assertTrue(answer.endswith(wanted), (seed, answer, wanted))
        self.assertEqual(outcomes, {True, False})

    def test_faults_are_those_of_a_model(self):
        """A page is absent, the zero page, a frame of one's own, or shared with the other."""
        for seed in SEEDS:
            state, own = {1: {}, 2: {}}, iter(range(1000))
            for op in numbered(self.ask("faults", seed, "-c")):
                if op == "fork()":
                    state[2] = dict(state[1])
                    for page, frame in state[1].items():
                        if frame != "zero":
                            state[1][page] = state[2][page] = ["shared", frame[1]]
                elif op.startswith("madvise"):
                    at, size = (int(w, 16) for w in re.findall(r"0x\w+", op))
                    for addr in range(at, at + size, PAGE):
                        self.drop(state, 1, addr)
                elif not op.startswith("mmap"):
                    pid, access, at, faults = re.fullmatch(
                        r"process (\d): (\w+) (0x\w+): (\d+)", op).groups()
                    self.assertEqual(int(faults), self.touch(state, int(pid), access,
                                                             int(at, 16), own), (seed, op))

    @staticmethod
    def drop(state, pid, addr):
        """Who is left alone with a frame has it for himself at his next write."""
        frame = state[pid].pop(addr, None)
        other = state[3 - pid].get(addr)
        if frame and frame != "zero" and other and other[1:] == frame[1:]:
            state[3 - pid][addr] = ["last", frame[1]]

    def touch(self, state, pid, access, addr, own):
        frame = state[pid].get(addr)
        if access == "read":
            if frame is None:
                state[pid][addr] = "zero"
            return int(frame is None)
        if frame and frame != "zero" and frame[0] == "own":
            return 0
        if frame and frame != "zero" and frame[0] == "shared":
            self.drop(state, pid, addr)
        state[pid][addr] = ["own", next(own)]
        return 1

    def test_writes_are_copied_while_the_frame_is_shared(self):
        for seed in SEEDS:
            sharers = {}
            for op in numbered(self.ask("cow", seed, "-c")):
                pid, addr, answer = re.fullmatch(r"process (\d): write (0x\w+): (.*)", op).groups()
                pid, others = int(pid), sharers.setdefault(addr, {1, 2})
                if pid not in others:
                    kind = "no fault"
                elif len(others) == 2:
                    kind = "copied"
                else:
                    kind = "a fault, but no copy"
                self.assertTrue(answer.startswith(kind), (seed, op, kind))
                others.discard(pid)

    def test_maps_are_those_of_a_row_of_pages(self):
        letters = {"PROT_READ": "r--p", "PROT_READ|PROT_WRITE": "rw-p", "PROT_NONE": "---p"}
        failures = 0
        for seed in SEEDS:
            text, pages = self.ask("maps", seed, "-c"), {}
            for op in numbered(text):
                at, size = (int(w, 16) for w in re.findall(r"0x\w+", op)[:2])
                prot = re.search(r"PROT_[A-Z|_]+", op)
                area = range(at, at + size, PAGE)
                if op.startswith("munmap"):
                    pages = {p: perms for p, perms in pages.items() if p not in area}
                    continue
                fails = op.startswith("mprotect") and not all(p in pages for p in area)
                failures += fails
                self.assertEqual(op.endswith(" = ENOMEM"), fails, (seed, op))
                for page in area:
                    if fails and page not in pages:
                        break
                    pages[page] = letters[prot[0]]
            lines = re.findall(r"^  (\w+)-(\w+) (....) 00000000 00:00 0 $", text, re.M)
            told = {p: perms for start, end, perms in lines
                    for p in range(int(start, 16), int(end, 16), PAGE)}
            self.assertEqual(told, pages, seed)
            for before, after in zip(lines, lines[1:]):
                self.assertFalse(before[1] == after[0] and before[2] == after[2], seed)
        self.assertGreater(failures, 0)

    def test_what_is_no_quiz_is_refused(self):
        for words, says in ((["cwo"], "did you mean cow?"), ([], "usage: mmapctl quiz"),
                            (["cow", "--seed"], "usage"), (["cow", "--seed", "x"], "a number"),
                            (["cow", "--seed", "-1"], "a number"), (["cow", "now"], "usage")):
            done = subprocess.run([MMAPCTL, "--server", self.daemon.url, "quiz", *words],
                                  check=False, capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stdout), (2, ""), words)
            self.assertIn(says, done.stderr)
