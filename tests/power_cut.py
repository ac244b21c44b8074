"""Collects, and dies before each kind of change to the disk in turn; prints how many kinds there are.

python power_cut.py CASE                       # run by test_resume.py, in the folder of the test
"""

import os
import re
import sys
import threading
from pathlib import Path

from test_resume import REGIONS, estate, in_use, untrue

from scanner.cli import main
from scanner.serve import serve
from scanner.snapshot import Snapshot

MOST_CUTS = 100
"""There are about forty kinds of changes; each is met once."""


class PowerCutError(BaseException):
    """Nothing that runs goes on, and nothing is tidied up."""


class Disk:
    """A folder under which nothing changes any more once the power is cut, whoever tries and in whichever thread.

    It is cut before the first change of a kind before which it never was.  A kind is what is done to which file, of
    whichever Region.
    """

    CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree")

    def __init__(self, folder):
        self.folder, self.kinds, self.dead, self.lock = str(folder), set(), False, threading.RLock()

    def change(self, event, arguments):
        if event not in ("open", *self.CHANGES):
            return
        path, *rest = arguments
        if event == "open" and (not isinstance(path, str) or not rest[1] & (os.O_WRONLY | os.O_RDWR)):
            return
        if not os.fsdecode(path).startswith(self.folder):
            return
        with self.lock:
            kind = (event, re.sub("|".join(REGIONS), "REGION", os.fsdecode(path)))
            self.dead = self.dead or kind not in self.kinds
            self.kinds.add(kind)
            if self.dead:
                raise PowerCutError


def collect(told, path, *options):
    """Tell whether a run came to its end.  Each has an endpoint of its own, which hangs up on whoever died."""
    services = () if Path("regionproof.yaml").exists() else ("--services", "ecr")
    with serve(told) as endpoint:
        arguments = ["collect", "-o", str(path), "--endpoint-url", endpoint.url, *services, *options]
        try:
            main([*arguments, "--regions", ",".join(REGIONS)])
        except SystemExit:
            return True
        except PowerCutError:
            return False


def run(case):
    told = {"all images": estate(dict.fromkeys(REGIONS, 5)), "those in use": in_use()}[case]
    assert collect(told, Path.cwd() / "whole")
    whole, path = Snapshot.open(Path("whole")), Path.cwd() / "cut"
    assert sum(row.left_out for row in whole.coverage()) == (3 if Path("regionproof.yaml").exists() else 0)
    disk = Disk(path)
    sys.addaudithook(disk.change)
    for _ in range(MOST_CUTS):
        if collect(told, path, "--resume"):
            break
        disk.dead = False
        untrue(path)
    assert Snapshot.open(path) == whole
    print(len(disk.kinds))
    sys.stdout.flush()
    os._exit(0)  # threads of those that died need not be waited for


if __name__ == "__main__":
    run(sys.argv[1])
