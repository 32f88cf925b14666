# SPDX-License-Identifier: MIT
"""What takes long is left: by machine.destroy, and where the daemon stops."""
import threading
import unittest

from daemon import Daemon, Refused

LEN = 64 << 20


class Leaving(unittest.TestCase):
    """Each run here would take many minutes if nobody ended it."""

    def setUp(self):
        self.daemon = Daemon()
        self.stopped = False

    def tearDown(self):
        if not self.stopped:
            self.assertEqual(self.daemon.stop(), 0)

    def long_run(self, **params):
        """Starts a run on the machine "m"; (thread, list that the error comes to)."""
        errors = []
        c = self.daemon.call
        c("machine.create", name="m", ram="256M")
        c("process.spawn", machine="m")
        at = c("sys.mmap", machine="m", pid=1, len=LEN, prot="PROT_READ|PROT_WRITE",
               flags="MAP_PRIVATE|MAP_ANONYMOUS")["ret"]
        ops = [{"method": "mem.fill", "params": {"pid": 1, "addr": at, "len": LEN, "byte": 7}}]
        begun = threading.Event()

        def run():
            begun.set()
            try:
                c("machine.run", machine="m", ops=ops * 10000, **params)
            except Refused as refused:
                errors.append((refused.code, refused.data))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        begun.wait()
        return thread, errors

    def wait_until_busy(self):
        """Until a look at the machine has to wait: somebody works on it."""
        for _ in range(1000):
            done = threading.Event()

            def look():
                try:
                    self.daemon.call("machine.info", machine="m")
                except Refused:
                    pass
                done.set()

            threading.Thread(target=look, daemon=True).start()
            if not done.wait(0.5):
                return
        self.fail("the run was never under way")

    def test_destroy_ends_a_run(self):
        for atomic in False, True:
            thread, errors = self.long_run(atomic=atomic)
            self.wait_until_busy()
            self.assertEqual(self.daemon.call("machine.destroy", machine="m"),
                             {"destroyed": "m"})
            thread.join(25)
            self.assertEqual([code for code, _ in errors], [-32001])
            self.assertEqual(self.daemon.call("machine.list"), {"machines": []})

    def test_a_stop_ends_a_run(self):
        thread, errors = self.long_run()
        self.wait_until_busy()
        self.stopped = True
        self.assertEqual(self.daemon.stop(), 0)
        thread.join(25)
        self.assertEqual([(code, data["why"]) for code, data in errors], [(-32008, "stopping")])


if __name__ == "__main__":
    unittest.main()
