"""For Python to load before getmail, as sitecustomize.py.

getmail forks for each delivery, sets its handler for SIGCHLD behind the fork and waits for a notification that may have
come before: now and then it waits a minute for a child that is long gone. Here the signal comes when it is waited for.
"""

import os, signal, threading

fork, wait = os.fork, threading.Condition.wait

def careful_fork():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    child = fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    return child

def careful_wait(self, timeout=None):
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    while signal.getsignal(signal.SIGCHLD) is not signal.SIG_DFL and not wait(self, 0.05):
        pass
    return True

os.fork, threading.Condition.wait = careful_fork, careful_wait
