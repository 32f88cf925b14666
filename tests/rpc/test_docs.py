# SPDX-License-Identifier: MIT
"""The commands of the documentation, run as a reader would run them."""
import json
import os
import re
import subprocess
import unittest

from daemon import MMAPCTL, SOURCE, Case


def blocks(page, section):
    """The indented blocks of a section, each a script."""
    with open(os.path.join(SOURCE, page), encoding="utf-8") as f:
        text = f.read().split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    found = re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, re.M)
    return ["\n".join(line[4:] for line in block.splitlines()) for block in found]


def shown(page, kind):
    """What a page shows in its only fence of a kind."""
    with open(os.path.join(SOURCE, page), encoding="utf-8") as f:
        found = re.findall(rf"^```{kind}\n(.*?)^```$", f.read(), re.M | re.S)
    if len(found) != 1:
        raise AssertionError(f"{page} has {len(found)} fences of {kind}")
    return found[0]


class Docs(Case):

    def run_script(self, script):
        script = script.replace("http://localhost:8642", self.daemon.url)
        script = script.replace("localhost:8642", self.daemon.url)
        script = script.replace("build/clients/cli/mmapctl",
                                f"{MMAPCTL} --server {self.daemon.url}")
        done = subprocess.run(["bash", "-eu", "-o", "pipefail", "-c", script],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, f"{script}\n{done.stdout}{done.stderr}")
        return done.stdout

    def test_the_first_conversation_of_the_readme(self):
        scripts = blocks("README.md", "A first conversation")
        self.assertEqual(len(scripts), 2)
        told = self.run_script(scripts[0])
        answers = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
        self.assertEqual(len(answers), 3, told)
        for answer in answers:
            self.assertNotIn("error", answer)
        numbers = {step.get("n") for step in answers[2]["result"]["steps"]}
        self.assertLessEqual(set(range(1, 12)), numbers)
        steps = answers[2]["result"].pop("steps")
        self.assertEqual(answers[2], json.loads(shown("README.md", "json")))
        lines = [f"{step['n']:2} {step['step']}"
                 + (f": {step['skipped']}" if "skipped" in step else "")
                 for step in steps if "n" in step]
        self.assertEqual("\n".join(lines) + "\n", shown("README.md", "steps"))
        maps = [line for line in told.splitlines() if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line)]
        self.assertEqual("\n".join(maps) + "\n", shown("README.md", "maps"))
        self.assertIn("pte", self.run_script(scripts[1]))


if __name__ == "__main__":
    unittest.main()
