"""`python -m bench.compiled`: the measurements of compiled code."""

import sys

from bench.compiled.command import main

sys.exit(main())
