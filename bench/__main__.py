"""`python -m bench`: the eager measurements."""

import sys

from bench.eager import main

sys.exit(main())
