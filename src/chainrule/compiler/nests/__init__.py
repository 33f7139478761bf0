"""From classes to loop nests: expression trees, affine addresses, layouts.

The story by file, in the order in which `building` calls them: `inlining`, `drafting` (of `drafts`, onto `blocks`),
`looping` (by `discovering` and `fitting`), `cutting`, `completing`, `layouts` (by `costs`), `addressing`, `joining`,
`absorbing`, `stacking`, `verifying`. What comes out is in `nest`; `running` is its definition, `describing` prints it.
"""
