import sys
from pathlib import Path

# behind everything else: benchmarks have modules of common names
sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
