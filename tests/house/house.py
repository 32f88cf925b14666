#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What must be true of the sources themselves. house.py [CHECK …]"""
import json
import os
import re
import subprocess
import sys
import tempfile

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "../.."))
BUILD = os.environ.get("top_builddir", os.path.join(TOP, "build"))
CC = os.environ.get("CC", "cc").split()
NM = os.environ.get("NM", "nm")
LONGEST = 70


def sources(*folders, suffixes=(".c", ".h")):
    for folder in folders:
        for root, _, names in os.walk(os.path.join(TOP, folder)):
            for name in sorted(names):
                if name.endswith(suffixes):
                    yield os.path.relpath(os.path.join(root, name), TOP)


def text(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as f:
        return f.read()


def run(command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


def layers():
    """An include in mmcore goes to its own layer or one before it."""
    rank, problems = {}, []
    for line in text("tests/house/layers.txt").splitlines():
        if line and not line.startswith("#"):
            name, *files = line.split()
            level = len(set(rank.values()))
            for f in files:
                rank[f] = level
    for path in sources("mmcore", suffixes=(".c", ".h", ".def")):
        stem = os.path.basename(path).rsplit(".", 1)[0]
        if stem not in rank:
            problems.append(f"{path}: not in tests/house/layers.txt")
            continue
        for included in re.findall(r'#include "mmcore/(?:\w+/)?(\w+)\.', text(path)):
            if rank.get(included, 99) > rank[stem]:
                problems.append(f"{path}: includes {included}, a layer above it")
    return problems


def envelope():
    """http and rpc know no machine; mmcore's insides stay inside."""
    problems = []
    for path in sources("server"):
        base = os.path.basename(path)
        if re.match(r"(http|rpc|loop|worker|listen|decode|json_|config|log)", base) \
                and "mmcore/" in text(path):
            problems.append(f"{path}: includes mmcore")
    return problems


def symbols():
    """The core asks for nothing but mem*() and mm_panic()."""
    library = os.path.join(BUILD, "mmcore/libmmcore.a")
    if not os.path.exists(library):
        return [f"{library}: not built"]
    # What sanitizers, gcov and libFuzzer add is theirs.
    if re.search(r"U __(asan|ubsan|gcov|sanitizer)_", run([NM, library]).stdout):
        return []
    allowed = {"memcpy", "memmove", "memset", "memcmp", "mm_panic"}
    defined, wanted = set(), {}
    member = ""
    for line in run([NM, library]).stdout.splitlines():
        if not line:
            continue
        if line.endswith(":"):
            member = line[:-1]
            continue
        kind, name = line.split()[-2:]
        if kind == "U":
            wanted.setdefault(name, member)
        else:
            defined.add(name)
        if kind in "BbC":
            return [f"{member}: {name}: the core has no variables"]
    # Constant tables of addresses lie in .data.rel.ro; .data is for variables.
    if re.search(r"^\.data +[1-9]", run(["size", "-A", library]).stdout, re.M):
        return ["libmmcore.a has variables in .data"]
    extra = {n for n in wanted if n not in defined | allowed}
    return [f"{wanted[n]}: uses {n}" for n in sorted(extra)]


def alone():
    """mmcore compiles with a C compiler alone, without floats; each header too."""
    problems = []
    flags = ["-std=gnu11", "-I", TOP, "-Wall", "-Wextra", "-Werror",
             "-Wno-missing-field-initializers"]
    if os.uname().machine == "x86_64":
        flags.append("-mgeneral-regs-only")
    with tempfile.TemporaryDirectory() as folder:
        for path in sources("mmcore", suffixes=(".c",)):
            done = run(CC + flags + ["-O2", "-c", os.path.join(TOP, path), "-o",
                                     os.path.join(folder, "x.o")])
            if done.returncode:
                problems.append(f"{path}: {done.stderr}")
        for path in sources("mmcore", suffixes=(".h",)):
            one = os.path.join(folder, "one.c")
            with open(one, "w", encoding="utf-8") as f:
                f.write(f'#include "{path}"\n#include "{path}"\n')
            done = run(CC + flags + ["-fsyntax-only", one])
            if done.returncode:
                problems.append(f"{path}: {done.stderr}")
    return problems


def functions():
    """No function is longer than 70 lines."""
    problems = []
    for path in sources("mmcore", "server", "clients", "tests", suffixes=(".c",)):
        start, name = None, ""
        for number, line in enumerate(text(path).splitlines(), 1):
            if line == "{":
                start = number
            elif line == "}" and start:
                if number - start > LONGEST:
                    problems.append(f"{path}:{start}: {name} has {number - start} lines")
                start = None
            elif not start and re.match(r"\w", line):
                name = line
    return problems


def divergences():
    """Every D-number stands in the code and in docs/divergences.md."""
    listed = set(re.findall(r"^## (D-\d{3})", text("docs/divergences.md"), re.M))
    used = set()
    for path in sources("mmcore", "server", suffixes=(".c", ".h", ".def")):
        used |= set(re.findall(r"D-\d{3}", text(path)))
    return [f"docs/divergences.md lacks {n}" for n in sorted(used - listed)] + \
           [f"no code mentions {n}" for n in sorted(listed - used)]


def unfinished():
    """Nothing is left for later in a comment; every file says its licence (tables may be wide)."""
    problems = []
    for path in sources("mmcore", "server", "clients", "tests"):
        body = text(path)
        if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", body):
            problems.append(f"{path}: unfinished")
        if "SPDX-License-Identifier: MIT" not in body.split("\n", 1)[0]:
            problems.append(f"{path}: no SPDX line")
        for number, line in enumerate(body.splitlines(), 1):
            if len(line.expandtabs(8)) > 100 and not line.endswith("\\"):
                problems.append(f"{path}:{number}: longer than 100 columns")
    return problems


def schema():
    """Operations and methods agree; the pages made of the schema are current."""
    problems = []
    described = text("docs/reference.md")
    for name in re.findall(r'^OP\(\w+,\s*\w+,\s*"([\w.]+)"\)', text("mmcore/op.def"), re.M):
        if f"## {name}\n" not in described:
            problems.append(f"{name}: an operation that docs/reference.md lacks")
    with tempfile.TemporaryDirectory() as folder:
        pages = {name: os.path.join(folder, name + ".md") for name in ("reference", "coverage")}
        done = run([sys.executable, os.path.join(TOP, "schema/gen"), "--schema",
                    os.path.join(TOP, "schema"), "--reference", pages["reference"],
                    "--coverage", pages["coverage"]])
        if done.returncode:
            return [done.stderr]
        for name, page in pages.items():
            with open(page, encoding="utf-8") as f:
                if f.read() != text(f"docs/{name}.md"):
                    problems.append(f"docs/{name}.md is not current: make reference")
    return problems


def coverage():
    """What is called exact is a deed of the oracle; a D-number named exists."""
    problems = []
    with open(os.path.join(TOP, "schema/coverage.json"), encoding="utf-8") as f:
        calls = json.load(f)["calls"]
    codes = {method: code for code, method in
             re.findall(r'^OP\((\w+),\s*\w+,\s*"([\w.]+)"\)', text("mmcore/op.def"), re.M)}
    deeds = set(re.findall(r"\[OP_(\w+)\] = \"", text("tests/oracle/deed.c")))
    numbers = set(re.findall(r"^## (D-\d+)", text("docs/divergences.md"), re.M))
    for name, call in calls.items():
        if call["level"] == "exact" and codes[name] not in deeds:
            problems.append(f"{name}: called exact, but the oracle has no such deed")
        for number in re.findall(r"D-\d+", json.dumps(call)):
            if number not in numbers:
                problems.append(f"{name}: docs/divergences.md has no {number}")
    return problems


def mutants():
    """Every planted bug still has its place in the sources, and its test."""
    done = run([sys.executable, os.path.join(TOP, "tests/mutants/run"), "--check"])
    return done.stdout.splitlines() + done.stderr.splitlines()


CHECKS = {c.__name__: c for c in (layers, envelope, symbols, alone, functions, divergences,
                                  unfinished, schema, coverage, mutants)}


def main():
    failed = 0
    for name in sys.argv[1:] or CHECKS:
        problems = CHECKS[name]()
        failed += bool(problems)
        print(f"{'FAIL' if problems else 'ok'} {name}: {CHECKS[name].__doc__}")
        for problem in problems:
            print("    " + problem)
    return failed != 0


sys.exit(main())
