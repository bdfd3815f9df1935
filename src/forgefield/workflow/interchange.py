"""parsl's interchange, which hands tasks to nodes, as a process that ends with the run that started it.

By itself it outlives a killed run, and the nodes would wait for it until their jobs' time is over.
"""

from __future__ import annotations

import runpy
import sys

from forgefield.workflow.executors import obey

if __name__ == "__main__":
    obey(int(sys.argv[1]))
    runpy.run_module("parsl.executors.high_throughput.interchange", run_name="__main__")
