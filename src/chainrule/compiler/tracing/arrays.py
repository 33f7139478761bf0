"""Arrays of stand-ins: what a traced function is given for a numpy array of numbers."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.engine import kind_behind, node_behind

if TYPE_CHECKING:
    import numpy as np


def array_of_stand_ins(array: np.ndarray[Any, Any]) -> Any:
    """Return an object array as one that answers for its elements where numpy would look at them."""
    return array.view(_array_class())


@cache
def _array_class() -> type:
    """Return the class, which needs numpy."""
    import numpy as np

    library = str(Path(np.__file__).parent)

    class StandInArray(np.ndarray[Any, Any]):
        """An object array of stand-ins, Values and numbers."""

        @property
        def dtype(self) -> Any:
            """The type that the numbers would have; numpy's own code is told that of the stand-ins."""
            kinds = {kind_behind(item) if node_behind(item) is not None else type(item) for item in self.flat}
            inside = sys._getframe(1).f_code.co_filename.startswith(library)
            if inside or not kinds or not all(issubclass(kind, (int, float, np.number)) for kind in kinds):
                return np.ndarray.dtype.__get__(self)
            return np.result_type(*kinds)

        def __array_wrap__(self, array: Any, _context: Any = None, _scalar: bool = False) -> Any:
            """Return what an operation gives: what has no dimension is its element, as for other arrays."""
            return array[()] if array.ndim == 0 else array.view(StandInArray)

        def tolist(self) -> Any:
            """Return nested lists, of Python's own numbers as numpy does."""
            if self.ndim == 0:
                return _python_number(self[()])
            return [part.tolist() if isinstance(part, StandInArray) else _python_number(part) for part in self]

        def astype(self, dtype: Any, *arguments: Any, **options: Any) -> Any:
            """Return a copy; as float64 its elements stay what they are."""
            if np.dtype(dtype) != np.float64:
                return super().astype(dtype, *arguments, **options)
            copied = self.copy()
            for place in np.ndindex(self.shape):
                item = self[place]
                copied[place] = 1.0 * item if node_behind(item) is not None else float(item)
            return copied

    return StandInArray


def _python_number(item: Any) -> Any:
    return item.item() if node_behind(item) is not None or hasattr(item, "dtype") else item
