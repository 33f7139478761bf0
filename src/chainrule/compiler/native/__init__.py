"""From loop nests to machine code: schedules, vector arithmetic, LLVM, the cache on disk."""
