"""From a Python function of scalars to native code: trace, raise to classes, differentiate, lay out, emit."""
