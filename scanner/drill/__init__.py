"""The drill: something is lost on paper, and each workload that goes with it is taken through its chain.

The rules judge, here as everywhere: those that name a link (`scanner.chain`) are asked about whatever a workload
needs, and their verdicts become the states of its links.  Nothing is judged twice.
"""

from scanner.drill.report import DrillReport
from scanner.drill.shared import Shared
from scanner.drill.simulate import Drill, chains, settled, simulate

__all__ = ["Drill", "DrillReport", "Shared", "chains", "settled", "simulate"]
