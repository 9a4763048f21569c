"""How does a command die with the process that started it?

`die_with_parent.py PARENT USER COMMAND...`, where USER is whom to run it as; empty: as we are. A
file of its own, run as a script: code between fork and exec isn't safe in a threaded program.
"""

import ctypes
import os
import pwd
import signal
import sys

_PR_SET_PDEATHSIG = 1


def become(user: str) -> None:
    """Give up root; nothing to do for an empty name."""
    if user:
        entry = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)


if __name__ == "__main__":
    parent, user, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    become(user)  # first: the kernel forgets the signal when the user changes
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the parent died before the child could start")
    os.execvp(command[0], command)  # noqa: S606 - the command is our own, and no shell is wanted
