# SPDX-License-Identifier: MIT
"""Real readers of /proc: procps' own programs see the simulated one instead.

Its files are fetched over HTTP into a folder, and the programs run with that
folder mounted on /proc, in namespaces of their own (root): the program is pid 1
there, as the first simulated process is here."""
import os
import shutil
import subprocess
import tempfile
import unittest

from daemon import Case

ANON = "MAP_PRIVATE|MAP_ANONYMOUS"
TOOLS = ("free", "vmstat", "pmap", "ps", "uptime", "slabtop", "unshare", "mount")
BINARY = ("pagemap", "kpageflags", "kpagecount")


def refusal():
    """Why the programs cannot be asked here, or None."""
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        return "not installed: " + " ".join(missing)
    done = subprocess.run(["unshare", "-m", "-p", "-f", "mount", "--bind", "/tmp", "/proc"], check=False,
                          capture_output=True)
    return "no mount namespaces here" if done.returncode else None


@unittest.skipIf(refusal(), refusal())
class Procps(Case):

    def setUp(self):
        super().setUp()
        self.call("machine.create", name="m", ram="512M", cpus=2)
        self.call("process.spawn", machine="m", name="init", image="demo")
        c = self.call
        at = c("sys.mmap", machine="m", pid=1, len="1M", prot=3, flags=ANON)["ret"]
        c("mem.touch", machine="m", pid=1, addr=at, len="512K", access="write")
        c("process.fork", machine="m", pid=1)
        c("mem.touch", machine="m", pid=2, addr=at, len="64K", access="write")
        fd = c("sys.memfd_create", machine="m", pid=2, name="notes")["ret"]
        c("sys.ftruncate", machine="m", pid=2, fd=fd, len="256K")
        at = c("sys.mmap", machine="m", pid=2, len="256K", prot=3, flags="MAP_SHARED", fd=fd)["ret"]
        c("mem.touch", machine="m", pid=2, addr=at, len="128K", access="write")
        c("sys.mlock", machine="m", pid=2, addr=at, len="64K")
        c("machine.tick", machine="m", jiffies=250 * 3600)
        self.folder = tempfile.TemporaryDirectory()
        self.copy("proc", self.folder.name)
        os.symlink("1", os.path.join(self.folder.name, "self"))

    def tearDown(self):
        self.folder.cleanup()

    def text(self, path):
        status, _, body = self.daemon.http("GET", "/machines/m/" + path)
        self.assertEqual(status, 200, path)
        return body

    def copy(self, path, folder):
        """What the folder lists: a folder is what lists names that are there."""
        for name in self.text(path).decode().split():
            below, to = f"{path}/{name}", os.path.join(folder, name)
            if name in BINARY:
                continue
            if name.isdigit() and path.endswith("/fd"):
                os.symlink(self.text(below).decode().strip(), to)
            elif name.isdigit() or name in ("fd", "task", "sys", "vm"):
                os.mkdir(to)
                self.copy(below, to)
            else:
                with open(to, "wb") as f:
                    f.write(self.text(below))

    def run_tool(self, *command):
        done = subprocess.run(
            ["unshare", "-m", "-p", "-f", "sh", "-c", 'mount --bind "$0" /proc && exec "$@"',
             self.folder.name, *command],
            capture_output=True, text=True, timeout=60, check=False,
            env=dict(os.environ, LC_ALL="C", COLUMNS="200"))
        self.assertEqual((done.returncode, done.stderr), (0, ""), command)
        return done.stdout

    def number(self, path, label):
        for line in self.text(path).decode().splitlines():
            if line.split()[0] == label:
                return int(line.split()[1])
        raise KeyError(label)

    def test_free_reads_meminfo(self):
        lines = self.run_tool("free", "-k", "-w").splitlines()
        head, row = lines[0].split(), [int(n) for n in lines[1].split()[1:]]
        got = dict(zip(head, row))
        meminfo = "proc/meminfo"
        self.assertEqual(got["total"], self.number(meminfo, "MemTotal:"))
        self.assertEqual(got["free"], self.number(meminfo, "MemFree:"))
        self.assertEqual(got["shared"], 128)
        self.assertEqual(got["available"], self.number(meminfo, "MemAvailable:"))
        self.assertEqual(lines[2].split(), ["Swap:", "0", "0", "0"])

    def test_vmstat_reads_vmstat_stat_and_slabinfo(self):
        row = self.run_tool("vmstat", "-n").splitlines()[-1].split()
        self.assertEqual(int(row[3]), self.number("proc/meminfo", "MemFree:"))
        self.assertEqual(row[14], "100")        # idle
        report = self.run_tool("vmstat", "-s")
        self.assertIn(f"{self.number('proc/meminfo', 'MemTotal:')} K total memory", report)
        self.assertIn(f"{self.number('proc/meminfo', 'Active:')} K active memory", report)
        self.assertIn("2 forks", report)
        self.assertRegex(self.run_tool("vmstat", "-m"), r"\nvm_area_struct +\d+ +\d+ +192 +\d+\n")

    def test_slabtop_reads_slabinfo(self):
        self.assertRegex(self.run_tool("slabtop", "-o"), r" 100% .* vm_area_struct|vm_area_struct")

    def test_pmap_reads_smaps(self):
        lines = self.run_tool("pmap", "-X", "2").splitlines()
        head = lines[1].split()
        self.assertEqual(lines[0], "2:   /demo")
        # mlock split the memfd's area in two; a path of two words ends a row
        notes = [dict(zip(head, line.split())) for line in lines if line.endswith(" (deleted)")]
        self.assertEqual(len(notes), 2)
        for label, kb in (("Size", 256), ("Rss", 128), ("Pss", 128), ("Pss_Dirty", 128),
                          ("Locked", 64), ("Anonymous", 0), ("Referenced", 128)):
            self.assertEqual(sum(int(row[label]) for row in notes), kb, label)

    def test_pmap_adds_up_to_the_rollup(self):
        last = self.run_tool("pmap", "-x", "2").splitlines()[-1].split()
        self.assertEqual(last[:2], ["total", "kB"])
        self.assertEqual(int(last[3]), self.number("proc/2/smaps_rollup", "Rss:"))
        self.assertEqual(int(last[4]), self.number("proc/2/smaps_rollup", "Shared_Dirty:") +
                         self.number("proc/2/smaps_rollup", "Private_Dirty:"))

    def test_ps_and_uptime_read_the_processes(self):
        rows = self.run_tool("ps", "-eo", "pid,ppid,rss,vsz,nlwp,comm,args")
        rows = sorted(rows.splitlines()[1:])
        self.assertEqual([r.split()[0] for r in rows], ["1", "2"])
        self.assertEqual([r.split()[1] for r in rows], ["0", "1"])
        for row in rows:
            pid, _, rss, vsz, threads, comm, args = row.split(None, 6)
            self.assertEqual(int(rss), self.number(f"proc/{pid}/status", "VmRSS:"))
            self.assertEqual(int(vsz), self.number(f"proc/{pid}/status", "VmSize:"))
            self.assertEqual((threads, comm, args), ("1", "init", "/demo"))
        self.assertIn("up  1:00", self.run_tool("uptime"))


if __name__ == "__main__":
    unittest.main()
