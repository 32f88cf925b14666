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

# What no example shows: a life with a way back, and runs that are undone.
LIVES = {
    "snapshots": [
        ("machine.snapshot", {"machine": "m", "snapshot": "a"}),
        ("process.fork", {"machine": "m", "pid": 1}),
        ("machine.snapshot", {"machine": "m", "snapshot": "b"}),
        ("machine.tick", {"machine": "m", "jiffies": 1}),
        ("machine.revert", {"machine": "m", "snapshot": "a"}),
        ("machine.snapshot", {"machine": "m", "snapshot": "a"}),
        ("machine.revert", {"machine": "m", "seq": 1}),
        ("machine.fork", {"machine": "m", "name": "n", "seq": 2}),
        ("machine.history", {"machine": "m"}),
        ("machine.revert", {"machine": "n", "seq": 1}),
        ("machine.check", {"machine": "m"}),
        ("machine.digest", {"machine": "m"}),
        ("machine.destroy", {"machine": "n"}),
    ],
    "atomic": [
        ("machine.run", {"machine": "m", "atomic": True, "ops": [
            {"method": "process.fork", "params": {"pid": 1}},
            {"method": "sys.munmap", "params": {"pid": 1, "addr": 1, "len": 1}}]}),
        ("machine.run", {"machine": "m", "atomic": True, "ops": [
            {"method": "machine.snapshot", "params": {"snapshot": "a"}},
            {"method": "process.fork", "params": {"pid": 1}}]}),
        ("machine.history", {"machine": "m", "since": 1}),
    ],
    # More pages than a loop looks at: it is left there, and done elsewhere.
    "later": [
        ("sys.mmap", {"machine": "m", "pid": 1, "len": "24M", "prot": "PROT_READ|PROT_WRITE",
                      "flags": "MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED", "addr": "0x10000000"}),
        ("mem.touch", {"machine": "m", "pid": 1, "addr": "0x10000000", "len": "24M",
                       "access": "read"}),
        ("mem.fill", {"machine": "m", "pid": 1, "addr": "0x10000000", "len": "20M", "byte": 1}),
        ("process.exit", {"machine": "m", "pid": 1}),
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
