"""What holds for every test, whoever starts the suite."""

from __future__ import annotations

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # so a shell starts what it puts in the background; processes inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
