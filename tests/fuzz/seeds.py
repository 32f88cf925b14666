#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Seeds and a dictionary for fuzz_request, made from the schema.

    seeds.py SCHEMA FOLDER    writes FOLDER/request/METHOD and FOLDER/request.dict

A seed is the example of a method behind what its example needs, as one batch. The
machine is the target's own, "m", with its process 1.
"""
import json
import os
import sys

THERE = {"machine", "process"}		# the target makes them itself

AREA = "0x10000000"
FIXED = "MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED"
RW = "PROT_READ|PROT_WRITE"


def by(method, **params):
    """A call of process 1 of the machine."""
    return method, {"machine": "m", "pid": 1, **params}


def on(method, **params):
    """A call to the machine."""
    return method, {"machine": "m", **params}


def proc(*names):
    return [on("proc.read", path=f"/proc/{name}") for name in names]


# What no example shows: a life with a way back, runs that are undone, all files of
# /proc, pipes in a row, files that are mapped, read ahead, cut and sealed.
LIVES = {
    "snapshots": [
        on("machine.snapshot", snapshot="a"),
        by("process.fork"),
        on("machine.revert", seq=1),
        on("machine.snapshot", snapshot="b"),
        on("machine.tick", jiffies=1),
        on("machine.revert", snapshot="a"),
        on("machine.snapshot", snapshot="a"),
        on("machine.fork", name="n", seq=3),
        on("machine.history"),
        ("machine.revert", {"machine": "n", "seq": 1}),
        on("machine.info"),
        on("machine.check"),
        on("machine.digest"),
        ("machine.list", {}),
        ("machine.destroy", {"machine": "n"}),
    ],
    "atomic": [
        on("machine.run", atomic=True, stop_on="failure", ops=[
            {"method": "process.fork", "params": {"pid": 1}},
            {"method": "machine.snapshot", "params": {"snapshot": "a"}},
            {"method": "sys.munmap", "params": {"pid": 1, "addr": 1, "len": 1},
             "expect": {"ok": True}}]),
        on("machine.run", atomic=True, ops=[
            {"method": "machine.snapshot", "params": {"snapshot": "a"}},
            {"method": "process.fork", "params": {"pid": 1}}]),
        on("machine.run", stop_on="failure", ops=[
            {"method": "sys.munmap", "params": {"pid": 1, "addr": 1, "len": 1}},
            {"method": "process.fork", "params": {"pid": 1}}]),
        on("machine.history", since=1),
    ],
    # More pages than a loop looks at: it is left there, and done elsewhere.
    "later": [
        by("sys.mmap", addr=AREA, len="24M", prot=RW, flags=FIXED),
        by("mem.touch", addr=AREA, len="24M", access="read"),
        by("mem.fill", addr=AREA, len="20M", byte=1),
        by("mem.fill", addr=AREA, len="1M", byte=2, explain=True),
        on("ram.map", first=0, count=4096, format="bytes"),
        by("process.exit"),
    ],
    "explained": [
        by("sys.mmap", addr=AREA, len="8K", prot=RW, flags=FIXED, explain=True),
        by("mem.touch", addr=AREA, access="write", explain=True),
        by("mem.touch", addr=1, access="exec", explain=True),
        by("process.fork", explain=True),
        by("sys.munmap", addr=1, len=1, explain=True),
        by("sys.mremap", addr=AREA, old_len="8K", new_len="1M", flags="MREMAP_MAYMOVE",
           explain=True),
        by("mm.pagemap", addr=AREA, len="8K"),
        on("page.rmap", pfn=4095),
    ],
    "proc": proc("", "self", "meminfo", "zoneinfo", "vmstat", "buddyinfo", "pagetypeinfo",
                 "slabinfo", "stat", "cpuinfo", "loadavg", "uptime", "version", "swaps",
                 "filesystems", "sys", "sys/vm", "sys/vm/swappiness", "sys/fs", "nothing"),
    "process": [by("sys.mlockall", flags="MCL_CURRENT"), *proc(
        "1", "1/maps", "1/smaps", "1/smaps_rollup", "1/status", "1/stat", "1/statm",
        "1/cmdline", "1/comm", "1/limits", "1/fd", "1/pagemap", "meminfo")],
    "pipes": [
        by("sys.pipe"), by("sys.pipe"),
        on("file.create", path="/f", data="hello", size="64K"),
        by("sys.open", path="/f", flags="O_RDWR"),
        by("sys.splice", fd_in=7, off_in=0, fd_out=4, len="20K"),
        by("sys.tee", fd_in=3, fd_out=6, len="8K"),
        by("pipe.info", fd=3),
        by("sys.splice", fd_in=3, fd_out=6, len="2K"),
        by("sys.splice", fd_in=3, fd_out=7, off_out="4K", len="4K", flags="SPLICE_F_MOVE"),
        by("sys.splice", fd_in=5, fd_out=7, off_out="32K", len="64K"),
        by("sys.mmap", addr=AREA, len="64K", prot=RW, flags=FIXED),
        by("mem.fill", addr=AREA, len="64K", byte=1),
        by("sys.vmsplice", fd=4, iov=[{"base": AREA, "len": "16K"}], flags="SPLICE_F_GIFT"),
        by("sys.splice", fd_in=3, fd_out=7, off_out="16K", len="16K", flags="SPLICE_F_MOVE"),
        by("sys.fcntl", fd=3, cmd="F_SETPIPE_SZ", arg=1048576),
        by("sys.sendfile", fd_in=7, fd_out=4, offset=0, count="64K"),
        by("sys.vmsplice", fd=3, iov=[{"base": AREA, "len": "16K"}]),
        by("sys.read", fd=3, count="8K"),
        by("sys.close", fd=3), by("sys.close", fd=4),
    ],
    "files": [
        on("file.create", path="/f", data="hello", size="4M"),
        by("sys.open", path="/f", flags="O_RDWR"),
        by("sys.read", fd=3, count="256K"),
        by("sys.mmap", addr=AREA, len="1M", prot=RW, flags="MAP_SHARED|MAP_FIXED", fd=3),
        by("mem.touch", addr=AREA, len="1M", access="read"),
        by("mem.fill", addr=AREA, len="64K", byte=1),
        by("process.fork"),
        by("sys.madvise", addr=AREA, len="1M", advice="MADV_WILLNEED"),
        by("sys.madvise", addr=AREA, len="16K", advice="MADV_REMOVE"),
        by("sys.lseek", fd=3, offset=0, whence="SEEK_DATA"),
        by("sys.lseek", fd=3, offset=0, whence="SEEK_HOLE"),
        by("sys.msync", addr=AREA, len="1M", flags="MS_SYNC"),
        by("sys.ftruncate", fd=3, len=5000),
        on("machine.sysctl", name="vm.dirty_ratio", value=1),
        by("sys.write", fd=3, buf=AREA, count="1M"),
        by("sys.fsync", fd=3),
        on("machine.sysctl", name="vm.drop_caches", value=3),
        on("file.pages", path="/f"),
        by("sys.unlink", path="/f"),
    ],
    "memfd": [
        by("sys.memfd_create", name="b", flags="MFD_ALLOW_SEALING"),
        by("sys.write", fd=3, data="hello"),
        by("sys.ftruncate", fd=3, len="64K"),
        by("sys.mmap", addr=AREA, len="64K", prot=RW, flags="MAP_SHARED|MAP_FIXED", fd=3),
        by("mem.touch", addr=AREA, len="32K", access="write"),
        by("sys.lseek", fd=3, offset=0, whence="SEEK_HOLE"),
        by("sys.lseek", fd=3, offset=1, whence="SEEK_DATA"),
        by("sys.madvise", addr=AREA, len="8K", advice="MADV_REMOVE"),
        by("sys.pipe"),
        by("sys.splice", fd_in=3, off_in=0, fd_out=5, len="8K"),
        by("sys.splice", fd_in=4, fd_out=3, off_out="8K", len="8K", flags="SPLICE_F_MOVE"),
        by("sys.munmap", addr=AREA, len="64K"),
        by("sys.fcntl", fd=3, cmd="F_ADD_SEALS", arg=8),
        by("sys.ftruncate", fd=3, len=0),
    ],
}


def renamed(params):
    return {k: "m" if v == "example" else v for k, v in params.items()}


def batch(calls):
    return [{"jsonrpc": "2.0", "id": i, "method": method, "params": params}
            for i, (method, params) in enumerate(calls)]


def seed(method, setups):
    example = method["example"]
    before = [setups[s] for s in example["setup"] if s not in THERE]
    calls = [(c["method"], renamed(c["params"])) for c in before]
    calls.append((method["name"], renamed(example["params"])))
    return batch(calls)


def names_in(value):
    """Every key and every string of the schema that a request may hold."""
    if isinstance(value, dict):
        for k, v in value.items():
            yield k
            yield from names_in(v)
    elif isinstance(value, list):
        for v in value:
            yield from names_in(v)
    elif isinstance(value, str):
        yield from value.split("|")


def words(methods, types):
    for method in methods:
        yield method["name"]
        yield from (p["name"] for p in method["params"])
        yield from names_in(method["example"]["params"])
    yield from names_in(types)


def main(schema, folder):
    methods = []
    for name in sorted(os.listdir(os.path.join(schema, "methods"))):
        with open(os.path.join(schema, "methods", name), encoding="utf-8") as f:
            methods += json.load(f)
    with open(os.path.join(schema, "setups.json"), encoding="utf-8") as f:
        setups = json.load(f)
    with open(os.path.join(schema, "types.json"), encoding="utf-8") as f:
        types = json.load(f)
    out = os.path.join(folder, "request")
    os.makedirs(out, exist_ok=True)
    bodies = {m["name"]: seed(m, setups) for m in methods}
    bodies.update({name: batch(calls) for name, calls in LIVES.items()})
    for name, body in bodies.items():
        with open(os.path.join(out, name), "w", encoding="utf-8") as f:
            json.dump(body, f)
    with open(os.path.join(folder, "request.dict"), "w", encoding="ascii") as f:
        for word in sorted(set(words(methods, types))):
            if word.isascii() and word.isprintable() and 1 < len(word) < 40:
                f.write(json.dumps(json.dumps(word)[1:-1]) + "\n")
    print(f"{len(methods)} methods, {len(LIVES)} lives")


if __name__ == "__main__":
    main(*sys.argv[1:])
