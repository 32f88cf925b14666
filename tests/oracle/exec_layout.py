#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""exec beside the host's kernel: where does Linux put a program?

Random ELF files (fixed, position independent, with and without an interpreter,
odd alignments, bss, long arguments) are executed here and stopped at their first
instruction; a simulated process executes the same image. What execve says, maps,
and the bounds in /proc/PID/stat must be equal.

    exec_layout.py [--seed N] [--runs N]

Exits with 77 where the host is not Linux 6.18 on x86-64 or forbids ptrace.
"""
import argparse
import ctypes
import os
import random
import resource
import signal
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../rpc"))
sys.dont_write_bytecode = True
from daemon import BUILD, Daemon  # noqa: E402

PAGE = 4096
ADDR_NO_RANDOMIZE = 0x0040000
PTRACE_TRACEME = 0
PT_LOAD, PT_INTERP, PT_GNU_STACK = 1, 3, 0x6474E551
ET_EXEC, ET_DYN = 2, 3
LIBC = ctypes.CDLL(None, use_errno=True)
# Fields of /proc/PID/stat after the comm, from 0: proc_pid_stat(5).
STAT = {"start_code": 23, "end_code": 24, "start_stack": 25, "start_data": 42,
        "end_data": 43, "start_brk": 44, "arg_start": 45, "arg_end": 46,
        "env_start": 47, "env_end": 48}


def skip(why):
    print("skipped: " + why)
    sys.exit(77)


# ---- making programs ----

def make_segments(dice, base, first_has_headers):
    """PT_LOADs that ascend, each offset congruent to its address."""
    segments, addr, offset = [], base, 0
    for i in range(dice.randint(1, 5)):
        inside = 0 if i == 0 else dice.choice([0, 0, 0x10, 0x6D8, 0xFF0])
        filesz = dice.choice([0x120, 0x1000, 0x1F01, 0x3000, 0x8020])
        if i and dice.random() < 0.1:
            filesz = 0
        memsz = filesz + dice.choice([0, 0, 0, 8, 0x800, 0x1000, 0x5830, 0x40000])
        if not memsz:
            memsz = 0x1000
        if i == 0 and first_has_headers:
            filesz = max(filesz, 0x400)
            memsz = max(memsz, filesz)
        prot = dice.choice([1, 3, 3, 5, 7] if i else [1, 5])
        segments.append({"vaddr": addr + inside, "offset": offset + inside,
                         "filesz": filesz, "memsz": memsz, "prot": prot,
                         "align": dice.choice([0x1000] * 6 + [0x10000, 0x200000, 0x3000, 0])})
        if dice.random() < 0.01:
            memsz = dice.choice([filesz // 2, 1 << 46])
        pages = (inside + memsz + PAGE - 1) // PAGE
        addr += (pages + dice.choice([0, 0, 1, 16])) * PAGE
        offset += ((inside + filesz + PAGE - 1) // PAGE) * PAGE
    return segments


def make_object(dice, folder, name, pie, interp=None):
    base = 0 if pie else dice.choice([0x400000, 0x10000, 0x8048000, 0x7FFF00000000])
    if pie and dice.random() < 0.2:
        base = dice.choice([0x1000, 0x400000])
    return {"path": os.path.join(folder, name), "entry": base + 0x200, "pie": pie,
            "segments": make_segments(dice, base, True),
            "stack_exec": dice.random() < 0.2, "interp": interp}


def elf_bytes(image):
    """The file that the image describes: gABI, 64-bit, little-endian."""
    loads = image["segments"]
    interp = image["interp"]["path"].encode() + b"\0" if image.get("interp") else b""
    phnum = len(loads) + 1 + bool(interp)
    flags = {0: 0, 1: 4, 2: 2, 4: 1}

    def phdr(kind, prot, offset, vaddr, filesz, memsz, align):
        bits = sum(flags[prot & bit] for bit in (1, 2, 4))
        return struct.pack("<IIQQQQQQ", kind, bits, offset, vaddr, vaddr, filesz, memsz, align)

    table = b""
    text = 64 + 56 * phnum
    if interp:
        table += phdr(PT_INTERP, 1, text, 0, len(interp), len(interp), 1)
    for s in loads:
        table += phdr(PT_LOAD, s["prot"], s["offset"], s["vaddr"], s["filesz"], s["memsz"],
                      s["align"])
    table += phdr(PT_GNU_STACK, 7 if image["stack_exec"] else 3, 0, 0, 0, 0, 16)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1" + bytes(9),
                         ET_DYN if image["pie"] else ET_EXEC, 62, 1, image["entry"], 64, 0, 0,
                         64, 56, phnum, 0, 0, 0)
    size = max(s["offset"] + s["filesz"] for s in loads)
    size = max((size + PAGE - 1) // PAGE * PAGE, text + len(interp))
    return (header + table + interp).ljust(size, b"\xcc"), phnum


def make_strings(dice):
    nr = dice.choice([1, 1, 2, 5, 40])
    return ["x" * dice.choice([0, 1, 7, 100, 3000 if nr < 5 else 200]) for _ in range(nr)]


def make_case(dice, folder):
    pie = dice.random() < 0.6
    interp = None
    if dice.random() < 0.6:
        interp = make_object(dice, folder, "ld.so", dice.random() < 0.9)
        interp["stack_exec"] = False
    image = make_object(dice, folder, "prog", pie, interp)
    return {"image": image, "args": make_strings(dice),
            "env": [f"V{i}=" + v for i, v in enumerate(make_strings(dice))],
            "stack": dice.choice([8 << 20, 8 << 20, 1 << 20, 64 << 10, 1 << 30, None])}


# ---- both sides ----

def write_file(image):
    data, image["phnum"] = elf_bytes(image)
    image["size"] = len(data)
    if os.path.exists(image["path"]):
        os.unlink(image["path"])
    with open(image["path"], "wb") as f:
        f.write(data)
    os.chmod(image["path"], 0o755)


def host_line(line):
    parts = line.split(None, 5)
    name = parts[5].strip() if len(parts) > 5 else ""
    return " ".join(parts[:3] + ([name] if name else []))


def on_host(case):
    """What execve led to: ("errno", n), ("signal", n) or the layout."""
    def before():
        LIBC.personality(ADDR_NO_RANDOMIZE)
        limit = resource.RLIM_INFINITY if case["stack"] is None else case["stack"]
        resource.setrlimit(resource.RLIMIT_STACK, (limit, resource.RLIM_INFINITY))
        LIBC.ptrace(PTRACE_TRACEME, 0, None, None)

    try:
        child = subprocess.Popen(case["args"], executable=case["image"]["path"],
                                 env=dict(v.split("=", 1) for v in case["env"]),
                                 preexec_fn=before)
    except OSError as error:
        return ("errno", error.errno)
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    child.returncode = 0
    if os.WIFSIGNALED(status):
        return ("signal", os.WTERMSIG(status))
    try:
        with open(f"/proc/{child.pid}/maps", encoding="ascii") as f:
            maps = [host_line(line) for line in f if "[vsyscall]" not in line]
        with open(f"/proc/{child.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
    finally:
        os.kill(child.pid, signal.SIGKILL)
        os.waitpid(child.pid, 0)
    return ("maps", maps, {name: int(fields[at]) for name, at in STAT.items()})


def as_params(image):
    params = {key: image[key] for key in ("path", "entry", "pie", "segments", "phnum")}
    if image["stack_exec"]:
        params["stack_exec"] = True
    if image.get("interp"):
        params["interp"] = as_params(image["interp"])
    return params


def in_machine(daemon, case):
    machine = daemon.call("machine.create", name="m", ram="64M")["name"]
    try:
        for image in filter(None, (case["image"], case["image"]["interp"])):
            daemon.call("file.create", machine=machine, path=image["path"],
                        size=image["size"], mode=0o755)
        limit = "RLIM_INFINITY" if case["stack"] is None else case["stack"]
        daemon.call("process.spawn", machine=machine, image="none",
                    rlimits={"RLIMIT_STACK": {"soft": limit, "hard": "RLIM_INFINITY"}})
        image = as_params(case["image"])
        image.update(args=case["args"], env=case["env"])
        result = daemon.call("process.exec", machine=machine, pid=1, image=image)
        if "signal" in result:
            return ("signal", getattr(signal, result["signal"]).value)
        if not result["ok"]:
            return ("errno", -result["ret"])
        text = daemon.call("proc.read", machine=machine, path="/proc/1/maps")["text"]
        mm = daemon.call("mm.info", machine=machine, pid=1)
        check = daemon.call("machine.check", machine=machine)
        if not check["ok"]:
            return ("violations", check["violations"])
        return ("maps", [host_line(line) for line in text.splitlines() if "[vsyscall]" not in line],
                {name: int(mm[name], 16) for name in STAT})
    finally:
        daemon.call("machine.destroy", machine=machine)


def describe(case, theirs, ours):
    print(as_params(case["image"]), "args", [len(a) for a in case["args"]],
          "env", [len(v) for v in case["env"]], "stack", case["stack"])
    for name, side in (("Linux", theirs), ("ours", ours)):
        print(f"{name}: {side[0]} {side[1] if side[0] != 'maps' else ''}")
        if side[0] == "maps":
            print("\n".join("    " + line for line in side[1]))
    if theirs[0] == ours[0] == "maps":
        for name in STAT:
            if theirs[2][name] != ours[2][name]:
                print(f"{name}: Linux {theirs[2][name]:#x}, ours {ours[2][name]:#x}")


def compare_all(daemon, seed, runs):
    """How many of the programs lie elsewhere here than there."""
    different = 0
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        folder = os.path.realpath(folder)
        for number in range(seed, seed + runs):
            case = make_case(random.Random(number), folder)
            for image in filter(None, (case["image"], case["image"]["interp"])):
                write_file(image)
            theirs, ours = on_host(case), in_machine(daemon, case)
            if theirs != ours:
                different += 1
                print(f"seed {number}:")
                describe(case, theirs, ours)
    return different


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=150)
    args = parser.parse_args()
    host = os.uname()
    if host.machine != "x86_64" or not host.release.startswith("6.18."):
        skip("the host's kernel is not Linux 6.18 on x86-64")
    daemon = Daemon()
    try:
        different = compare_all(daemon, args.seed, args.runs)
    finally:
        status = daemon.stop()
    print(f"{args.runs} programs from seed {args.seed}, {different} with a difference")
    return 1 if different or status else 0


sys.exit(main())
