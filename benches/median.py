"""The median of some runs, for pytorch.py and networks.py."""
import time


def median_ms(work, runs=15):
    """Milliseconds of `work()`, after one run that does not count."""
    work()
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1e3)
    return sorted(times)[runs // 2]
