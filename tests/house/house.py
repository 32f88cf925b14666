#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What must be true of the sources themselves. house.py [CHECK …]"""
import json
import os
import re
import shutil
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


ASSERTS = (93, 1470)     # assertions and functions of mmcore: the share that there is at least; it only rises
CYCLE = 5       # files: the largest call cycle that there may be; it only falls


def ranks(part):
    """The layer of each file of mmcore or server by its stem: the number of its line in layers.txt."""
    lines = [line.split() for line in text("tests/house/layers.txt").splitlines()
             if line and not line.startswith("#")]
    begin = lines.index([part]) + 1
    end = next((i for i in range(begin, len(lines)) if len(lines[i]) == 1), len(lines))
    return {stem: level for level, (_, *stems) in enumerate(lines[begin:end]) for stem in stems}


def included(part, rank):
    """(file, what it includes, its stem) for the files of a part; and files without a layer."""
    missing, includes = [], []
    for path in sources(part, suffixes=(".c", ".h", ".def")):
        stem = os.path.basename(path).rsplit(".", 1)[0]
        if stem not in rank:
            missing.append(f"{path}: not in tests/house/layers.txt")
        includes += [(stem, os.path.basename(i), os.path.basename(i).rsplit(".", 1)[0])
                     for i in re.findall(rf'#include "({part}/[\w./]+)"', text(path))]
    return missing, includes


def upward(rank, uses, allowed=()):
    """Which of (file, what it uses, where that is from) go to a higher layer."""
    return [f"{user}: {what} is {source}'s, a layer above it" for user, what, source in uses
            if rank[source] > rank[user] and what not in allowed]


def cycles(uses):
    """The files that reach themselves through the calls of others, a set a cycle (Tarjan)."""
    graph, index, low, stack, found = {}, {}, {}, [], []
    for user, _, source in uses:
        graph.setdefault(user, set()).add(source)

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            at = stack.index(node)
            found.append(set(stack[at:]))
            del stack[at:]

    for node in list(graph):
        if node not in index:
            visit(node)
    return [cycle for cycle in found if len(cycle) > 1]


def calls(listing):
    """(file, function, file it is from) of a listing of nm over a library."""
    defined, wanted, member = {}, [], ""
    for line in listing.splitlines():
        if line.endswith(":"):
            member = re.sub(r"^\w*?lib\w+_a-|\.o:$", "", line)
        elif line:
            kind, name = line.split()[-2:]
            if kind == "U":
                wanted.append((member, name))
            elif kind == "T":
                defined[name] = member
    return [(user, name, defined[name]) for user, name in wanted if name in defined]


def layers():
    """In mmcore an include and a call go to the same layer or one below; upcall.h has the rest."""
    rank = ranks("mmcore")
    problems, includes = included("mmcore", rank)
    if problems:
        return problems
    made = calls(run([NM, os.path.join(BUILD, "mmcore/libmmcore.a")]).stdout)
    upcalls = set(re.findall(r"^[\w* ]+?(\w+)\(struct step", text("mmcore/upcall.h"), re.M))
    problems += upward(rank, includes) + upward(rank, made, upcalls)
    problems += [f"upcall.h: {name} does not go up" for name in upcalls
                 if not any(what == name and rank[source] > rank[user]
                            for user, what, source in made)]
    ring = max(cycles([c for c in made if c[1] not in upcalls]), key=len, default=())
    if len(ring) > CYCLE:
        problems.append(f"{len(ring)} files call each other in a ring: {sorted(ring)}")
    return problems


def floors():
    """In the server the same; the machines and all below them know no JSON."""
    rank = ranks("server")
    problems, includes = included("server", rank)
    if problems:
        return problems
    problems += upward(rank, includes)
    problems += upward(rank, calls(run([NM, os.path.join(BUILD, "server/libserver.a")]).stdout))
    for path in sources("server"):
        stem = os.path.basename(path).rsplit(".", 1)[0]
        if rank[stem] <= rank["machines"] and "jansson.h" in text(path):
            problems.append(f"{path}: includes jansson.h")
    return problems


def checker():
    """The check of layers notices what it is there for."""
    rank = {"low": 0, "high": 1}
    listing = ("\nliblib_a-low.o:\n U do_high\n0 T do_low\n0 r table\n"
               "\nliblib_a-high.o:\n U do_low\n U memcpy\n0 T do_high\n")
    made = calls(listing)
    problems = []
    if sorted(made) != [("high", "do_low", "low"), ("low", "do_high", "high")]:
        problems.append(f"calls: {made}")
    if len(upward(rank, made)) != 1 or upward(rank, made, {"do_high"}):
        problems.append("a call upward is not noticed, or one of upcall.h is")
    if cycles(made) != [{"low", "high"}] or cycles(made[:1]):
        problems.append("a ring of calls is not noticed")
    return problems


def tour():
    """ARCHITECTURE.md's table of layers is layers.txt."""
    shown = re.search(r"^```layers\n(.*?)^```", text("ARCHITECTURE.md"), re.M | re.S)
    listed = [re.sub(r"\s+", " ", line) for line in text("tests/house/layers.txt").splitlines()
              if line and not line.startswith("#")]
    words = " ".join(shown[1].split()) if shown else ""
    return [] if words == " ".join(listed) else ["ARCHITECTURE.md: the table is not that of tests/house/layers.txt"]


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


def asserts():
    """mmcore has at least as many assertions a function as ASSERTS says."""
    functions = asserted = 0
    for path in sources("mmcore"):
        body = text(path)
        functions += len(re.findall(r"^\t?{[ \t]*\\?$", body, re.M))
        asserted += len(re.findall(r"^[ \t]*MM_ASSERT\(", body, re.M))
    if asserted * ASSERTS[1] < functions * ASSERTS[0]:
        return [f"{asserted} assertions in {functions} functions: there were {ASSERTS[0]} in {ASSERTS[1]}"]
    return []


def divergences():
    """Every D-number stands in the code and in docs/divergences.md."""
    listed = set(re.findall(r"^## (D-\d{3})", text("docs/divergences.md"), re.M))
    used = set()
    for path in sources("mmcore", "server", suffixes=(".c", ".h", ".def")):
        used |= set(re.findall(r"D-\d{3}", text(path)))
    return [f"docs/divergences.md lacks {n}" for n in sorted(used - listed)] + \
           [f"no code mentions {n}" for n in sorted(listed - used)]


def cited():
    """No text cites a document that is not in the repository."""
    outside = re.compile(r"(?<!docs/)\b(?:design|reliability|style)\.md|(?<![/\w])api\.md section"
                         r"|kernel-reference|\b[Tt]he seed'?s? (?:has|says|tells|declares)"
                         r"|\bas the seed\b|\(the seed\)")
    pages = [os.path.join(TOP, "README.md"), os.path.join(TOP, "ARCHITECTURE.md"),
             *sources("docs", suffixes=(".md",)),
             *sources("mmcore", "server", "clients", "tests", suffixes=(".c", ".h", ".def", ".py"))]
    found = [f"{page}: cites {hit.group(0)!r}" for page in pages
             if os.path.basename(page) != "house.py"
             for hit in outside.finditer(text(page))]
    for page in pages:
        if page.endswith(".md"):
            for link in re.findall(r"\]\(([\w./-]+\.md)\)", text(page)):
                if not os.path.exists(os.path.join(TOP, os.path.dirname(page), link)):
                    found.append(f"{page}: leads to {link}, which is not there")
    return found


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
    for name in re.findall(r'^OP\(\w+,\s*\w+,\s*"([\w.]+)"', text("mmcore/op.def"), re.M):
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


def twice():
    """The generator refuses a key that stands twice in one object of the schema."""
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "schema")
        shutil.copytree(os.path.join(TOP, "schema"), copy)
        for name, key in (("types.json", "open"), ("errors.json", None)):
            path = os.path.join(copy, name)
            with open(path, encoding="utf-8") as f:
                sound = f.read()
            key = key or re.search(r'"([^"]+)"\s*:', sound)[1]
            with open(path, "w", encoding="utf-8") as f:
                f.write(re.sub(f'("{re.escape(key)}"\\s*:)', rf'"{key}": {{}}, \1', sound, count=1))
            done = run([sys.executable, os.path.join(copy, "gen"), "--schema", copy,
                        "--reference", os.path.join(folder, "page")])
            if not done.returncode or "twice" not in done.stderr:
                return [f"{name}: the key {key} may be there twice"]
            with open(path, "w", encoding="utf-8") as f:
                f.write(sound)
    return []


def coverage():
    """What is called exact is a deed of the oracle; a D-number named exists."""
    problems = []
    with open(os.path.join(TOP, "schema/coverage.json"), encoding="utf-8") as f:
        calls = json.load(f)["calls"]
    codes = {method: code for code, method in
             re.findall(r'^OP\((\w+),\s*\w+,\s*"([\w.]+)"', text("mmcore/op.def"), re.M)}
    deeds = set(re.findall(r"\[OP_(\w+)\] = \"", text("tests/oracle/deed.c")))
    numbers = set(re.findall(r"^## (D-\d+)", text("docs/divergences.md"), re.M))
    for name, call in calls.items():
        if call["level"] == "exact" and codes[name] not in deeds:
            problems.append(f"{name}: called exact, but the oracle has no such deed")
        for number in re.findall(r"D-\d+", json.dumps(call)):
            if number not in numbers:
                problems.append(f"{name}: docs/divergences.md has no {number}")
    return problems


def adding():
    """docs/adding-a-call.md is true: its blocks, put where it says, compile and make a method."""
    page, flags = text("docs/adding-a-call.md"), ["-std=gnu11", "-Wall", "-Wextra", "-Werror",
                                                  "-Wno-missing-field-initializers"]
    with tempfile.TemporaryDirectory() as folder:
        for part in ("mmcore", "schema"):
            shutil.copytree(os.path.join(TOP, part), os.path.join(folder, part))
        for name, line, block in re.findall(
                r"^In `([^`]+)`, after the line `([^\n]+)`:\n\n```\w*\n(.*?)^```", page, re.M | re.S):
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8") as f:
                body = f.read()
            if f"{line}\n" not in body:
                return [f"docs/adding-a-call.md: {name} has no line {line}"]
            with open(path, "w", encoding="utf-8") as f:
                f.write(body.replace(f"{line}\n", f"{line}\n{block}", 1))
        new = re.search(r"^A new file, `([^`]+)`:\n\n```c\n(.*?)^```", page, re.M | re.S)
        with open(os.path.join(folder, new[1]), "w", encoding="utf-8") as f:
            f.write(new[2])
        for path in ("mmcore/step.c", new[1]):
            done = run(CC + flags + ["-I", folder, "-c", os.path.join(folder, path), "-o",
                                     os.path.join(folder, "x.o")])
            if done.returncode:
                return [done.stderr]
        done = run([sys.executable, os.path.join(folder, "schema/gen"), "--schema",
                    os.path.join(folder, "schema"), "--reference",
                    os.path.join(folder, "page")])
        if done.returncode:
            return [done.stderr]
        with open(os.path.join(folder, "page"), encoding="utf-8") as f:
            return [] if "## sys.sched_yield" in f.read() else ["there is no sys.sched_yield"]


def mutants():
    """Every planted bug still has its place in the sources, and its test."""
    done = run([sys.executable, os.path.join(TOP, "tests/mutants/run"), "--check"])
    return done.stdout.splitlines() + done.stderr.splitlines()


CHECKS = {c.__name__: c for c in (layers, floors, checker, tour, envelope, symbols, alone, functions, asserts,
                                  divergences, cited,
                                  unfinished, schema, twice, coverage, adding, mutants)}


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
