"""How does a command die with the process that started it? `die_with_parent.py PARENT COMMAND...`.

A file of its own, run as a script: code between fork and exec isn't safe in a threaded program.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the parent died before the child could start")
    os.execvp(command[0], command)  # noqa: S606 - the command is our own, and no shell is wanted
