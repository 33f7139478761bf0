"""`python -m chainrule`: the command line."""

from __future__ import annotations

import sys

from chainrule.cli import main

sys.exit(main())
