#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run one file of rpc tests against the daemon that was built."""
import os
import sys
import unittest

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
sys.dont_write_bytecode = True
names = sys.argv[1:] or ["test_bytes", "test_docs", "test_limits", "test_methods", "test_machines",
                         "test_mmapctl", "test_procps", "test_protocol", "test_quiz"]
suite = unittest.TestLoader().loadTestsFromNames(names)
done = unittest.TextTestRunner(verbosity=1).run(suite)
sys.exit(not done.wasSuccessful())
