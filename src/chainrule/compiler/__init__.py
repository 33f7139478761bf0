"""From a Python function of scalars to native code: trace, raise to classes, differentiate, lay out, emit.

What is handed on: a `program` (one row a scalar), `classes` (alike scalars as tables), `nests.nest` (loops), machine
code. The passes between them, in order: `tracing`, `raising`, `nests`, `native`; `building` calls them. What a person
holds: `compiling` makes it, `function` and `stepping` run it, `report` tells of it. The definition of a program's
meaning, slow and plain, is `evaluating`.
"""
