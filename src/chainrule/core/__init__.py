"""The parts of the engine, to be read in the order of `chainrule._sources.PARTS`, from value to memory.

Every part is ordinary Python. Where there is a C compiler, the build puts them behind one another into one
module, which Cython compiles as `chainrule.engine`, with the ops inline (see `build_tools`); where there is
none, `chainrule/engine.py` imports them from here. So nothing but engine.py may import this package: beside a
compiled engine it would be a second one.
"""

from chainrule.core import value

__all__ = ["value"]
