"""From loop nests to machine code, through LLVM.

The story by file: `compiling` makes one module of a program; for each nest `lowering` opens it into `symbols`,
`schedule` (by `pricing`) chooses its vectors and tiles, `nest_code` (with `sums` and `memory`) writes it as `text` with
the vectors of `lanes`. A new vector primitive goes into `symbols.PRIMITIVES` and `elementary`. `companions` are nests
that run in another's loops, `sharing` keeps depth from growing the code, `strips` (by `accesses`, `tiles`,
`strip_code`) keeps long dimensions in the cache; `machine` is LLVM itself, `loading` (by `disk`) what it made before,
`update` an optimizer's loop.
"""
