# SPDX-License-Identifier: MIT
"""Recordings replayed: those of a folder, or, without one, made of the programs of
this host. Each must agree in every result and in the maps of every process."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../rpc"))
from daemon import MMAPCTL, SOURCE, Daemon  # pylint: disable=wrong-import-position

LEAST = 10          # programs that every host with a compiler has


def can_record(folder):
    """Whether this host lets us trace, and tells which pages were touched."""
    path = os.path.join(folder, "true.rec")
    done = subprocess.run([MMAPCTL, "record", "-o", path, "--", "sh", "-c", ":"],
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        return False
    with open(path, encoding="utf8") as file:
        return any(line.startswith('{"p":1,"touch"') for line in file)


def search_path(folder):
    """PATH as it is where all compilers are ccache's, if that is installed."""
    cache = shutil.which("ccache")
    if not cache:
        return os.environ["PATH"]
    front = os.path.join(folder, "ccache")
    os.mkdir(front)
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            os.symlink(cache, os.path.join(front, name))
    return f"{front}:{os.environ['PATH']}"


def record_all(folder):
    script = os.path.join(SOURCE, "tests/replay/record-all")
    done = subprocess.run(["sh", script, folder], stdout=subprocess.PIPE, check=True,
                          env={**os.environ, "PATH": search_path(folder),
                               "MMAPCTL": os.path.abspath(MMAPCTL)})
    return [os.path.join(folder, name) for name in done.stdout.decode().split()]


def replay(daemon, path):
    """Whether the recording agrees; what differs is printed."""
    done = subprocess.run([MMAPCTL, "--server", daemon.url, "--json", "replay", path],
                          capture_output=True, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        print(f"FAIL {path}: {done.stdout.decode()}{done.stderr.decode()}")
        return False
    whole = report["calls"] + report["accesses"] > 0
    good = done.returncode == 0 and report["equal"] and whole
    print(f"{'ok' if good else 'FAIL'} {os.path.basename(path)}: "
          f"{report['agree']} of {report['calls']} calls agree, "
          f"maps of {report['maps_agree']} of {report['processes']} processes, "
          f"{report['skipped']} skipped")
    if not good:
        print(json.dumps(report["differences"], indent=1))
    return good


def spoiled(daemon, path, folder):
    """A recording with one result that no kernel gave must not agree."""
    with open(path, encoding="utf8") as file:
        lines = file.read().splitlines()
    for i, line in enumerate(lines):
        event = json.loads(line)
        if event.get("call") == "mmap":
            event["ret"] = "0x1234000"
            lines[i] = json.dumps(event)
            break
    wrong = os.path.join(folder, "spoiled.rec")
    with open(wrong, "w", encoding="utf8") as file:
        file.write("\n".join(lines) + "\n")
    done = subprocess.run([MMAPCTL, "--server", daemon.url, "replay", wrong],
                          capture_output=True, check=False)
    good = done.returncode == 1 and b"0x1234000" in done.stdout
    print(f"{'ok' if good else 'FAIL'} a spoiled recording is found out")
    return good


def main():
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) > 1:
            paths = sorted(os.path.join(sys.argv[1], name)
                           for name in os.listdir(sys.argv[1]))
            least = 1
        elif can_record(folder):
            paths = record_all(folder)
            least = LEAST
        else:
            print("this host lets nothing be recorded")
            return 77
        daemon = Daemon()
        good = [replay(daemon, path) for path in paths]
        recordings = [path for path in paths if path.endswith(".rec")]
        good.append(spoiled(daemon, recordings[0], folder))
        good.append(daemon.stop() == 0)
    return 0 if all(good) and len(paths) >= least else 1


sys.exit(main())
