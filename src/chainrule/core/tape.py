"""The tape: runs a program row by row, with the operations of eager code in the order of eager code."""

from __future__ import annotations

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

from chainrule.core.buffers import Integers
from chainrule.core.executing import INPUTS
from chainrule.core.nary import log_of_sum, shares
from chainrule.core.rows import Rows
from chainrule.ops.dispatch import (
    Code,
    binary_value,
    left_slope,
    right_slope,
    ternary_slope_a,
    ternary_slope_b,
    ternary_slope_c,
    ternary_value,
    unary_slope,
    unary_value,
)
from chainrule.ops.row import BY_CODE


@cython.final
@cython.cclass
class Tape(Rows):
    """Runs a program row by row; results and gradients have the bits that eager code gives them."""

    @cython.cfunc
    @cython.exceptval(-1)
    def forward(self) -> cython.int:
        numbers: cython.p_double = self._numbers.numbers
        codes: cython.p_int = self._codes.numbers
        left: cython.p_int = self._left.numbers
        right: cython.p_int = self._right.numbers
        row: cython.Py_ssize_t = self._leaves
        op: cython.Py_ssize_t
        i: cython.Py_ssize_t
        code: cython.int
        a: cython.int
        b: cython.int
        self._read_leaves()
        for op in range(self._ops):
            code = codes[op]
            a = left[op]
            b = right[op]
            if code == Code.ADD:
                numbers[row] = numbers[a] + numbers[b]
            elif code == Code.SUBTRACT:
                numbers[row] = numbers[a] - numbers[b]
            elif code == Code.MULTIPLY:
                numbers[row] = numbers[a] * numbers[b]
            elif self._arity.numbers[code] == 1:
                numbers[row] = unary_value(code, numbers[a])
            elif self._arity.numbers[code] == 2:
                numbers[row] = binary_value(code, numbers[a], numbers[b])
            else:
                numbers[row] = self._long_value(code, a, b)
            row += 1
        for i in range(self._output_rows.count):
            self.outputs.numbers[i] = numbers[self._output_rows.numbers[i]]
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _read_leaves(self) -> cython.void:
        numbers: cython.p_double = self._numbers.numbers
        row: cython.Py_ssize_t
        for row in range(self._input_rows):
            numbers[row] = self.regions[INPUTS + self._groups.numbers[row]][self._places.numbers[row]]
        for row in range(self._input_rows, self._input_rows + self._value_rows):
            numbers[row] = self.values.numbers[self._places.numbers[row]]

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def _items_from(self, start: cython.int) -> cython.p_int:
        return self._items.numbers + start if cython.compiled else self._items.numbers[start:]

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _long_value(self, code: cython.int, start: cython.int, count: cython.int) -> cython.double:
        """Return the value of an op of three or more operands, or of one that only Python knows."""
        numbers: cython.p_double = self._numbers.numbers
        i: cython.int
        half: cython.int = count // 2
        total: cython.double
        items: cython.p_int = self._items_from(start)
        if code == Code.SUM:
            total = numbers[items[0]]
            for i in range(1, count):
                total = total + numbers[items[i]]
            return total
        if code == Code.DOT:
            total = numbers[items[count - 1]] if count % 2 else numbers[items[0]] * numbers[items[half]]
            for i in range(1 - count % 2, half):
                total = total + numbers[items[i]] * numbers[items[half + i]]
            return total
        if self._arity.numbers[code] == 3:
            return ternary_value(code, numbers[items[0]], numbers[items[1]], numbers[items[2]])
        if code == Code.LOGSUMEXP:
            for i in range(count):
                self._scratch.numbers[i] = numbers[items[i]]
            return log_of_sum(self._scratch.numbers, count)
        return BY_CODE[code].value(*[numbers[items[i]] for i in range(count)])

    @cython.cfunc
    @cython.exceptval(-1)
    def gradient(self) -> cython.int:
        gradients: cython.p_double = self._shares.numbers
        order: Integers = self._seeded_order()
        i: cython.Py_ssize_t
        self.forward()
        for i in range(self._shares.count):
            gradients[i] = 0.0
        for i in range(self.seeds.count):
            gradients[self._output_rows.numbers[i]] += 1.0 if self.seeds.count == 1 else self.seeds.numbers[i]
        self._reverse(order)
        for i in range(self.gradients.count):
            self.gradients.numbers[i] = 0.0
        for i in range(self._input_rows, self._input_rows + self._value_rows):
            self.gradients.numbers[self._places.numbers[i]] += gradients[i]
        return 0

    @cython.cfunc
    @cython.exceptval(-1)
    def _reverse(self, order: Integers) -> cython.int:
        """The chain rule: every op gives its operands their shares."""
        numbers: cython.p_double = self._numbers.numbers
        gradients: cython.p_double = self._shares.numbers
        active: cython.p_int = self._active.numbers
        i: cython.Py_ssize_t
        op: cython.int
        code: cython.int
        a: cython.int
        b: cython.int
        y: cython.double
        g: cython.double
        for i in range(order.count):
            op = order.numbers[i]
            code = self._codes.numbers[op]
            a = self._left.numbers[op]
            b = self._right.numbers[op]
            g = gradients[self._leaves + op]
            if code == Code.ADD:
                gradients[a] += g
                gradients[b] += g
            elif code == Code.SUBTRACT:
                gradients[a] += g
                gradients[b] -= g
            elif code == Code.MULTIPLY:
                gradients[a] += numbers[b] * g
                gradients[b] += numbers[a] * g
            elif self._arity.numbers[code] == 1:
                gradients[a] += unary_slope(code, numbers[a], numbers[self._leaves + op]) * g
            elif self._arity.numbers[code] == 2:
                y = numbers[self._leaves + op]
                if active[a]:
                    gradients[a] += left_slope(code, numbers[a], numbers[b], y) * g
                if active[b]:
                    gradients[b] += right_slope(code, numbers[a], numbers[b], y) * g
            else:
                self._give_long(code, a, b, numbers[self._leaves + op], g)
        return 0

    @cython.cfunc
    @cython.exceptval(-1)
    def _give_long(
        self, code: cython.int, start: cython.int, count: cython.int, y: cython.double, g: cython.double
    ) -> cython.int:
        """Give the operands of an op of three or more, or of one that only Python knows, their shares."""
        numbers: cython.p_double = self._numbers.numbers
        gradients: cython.p_double = self._shares.numbers
        i: cython.int
        half: cython.int = count // 2
        items: cython.p_int = self._items_from(start)
        if code == Code.SUM:
            for i in range(count):
                gradients[items[i]] += g
        elif code == Code.DOT:
            for i in range(half):
                gradients[items[i]] += numbers[items[half + i]] * g
            for i in range(half):
                gradients[items[half + i]] += numbers[items[i]] * g
            if count % 2:
                gradients[items[count - 1]] += g
        else:
            self._find_slopes(code, items, count, y)
            for i in range(count):
                gradients[items[i]] += self._scratch.numbers[i] * g
        return 0

    @cython.cfunc
    @cython.exceptval(-1)
    def _find_slopes(self, code: cython.int, items: cython.p_int, count: cython.int, y: cython.double) -> cython.int:
        """Put the local derivatives of an op of three or more operands into `_scratch`."""
        numbers: cython.p_double = self._numbers.numbers
        slopes: cython.p_double = self._scratch.numbers
        i: cython.int
        if self._arity.numbers[code] == 3:
            a: cython.double = numbers[items[0]]
            b: cython.double = numbers[items[1]]
            c: cython.double = numbers[items[2]]
            slopes[0] = ternary_slope_a(code, a, b, c, y)
            slopes[1] = ternary_slope_b(code, a, b, c, y)
            slopes[2] = ternary_slope_c(code, a, b, c, y)
        elif code == Code.LOGSUMEXP:
            for i in range(count):
                slopes[i] = numbers[items[i]]
            total: cython.double = shares(slopes, count, y)
            if y - y == 0.0:
                for i in range(count):
                    slopes[i] = slopes[i] / total
        else:
            operands = tuple([numbers[items[i]] for i in range(count)])
            for i, slope in enumerate(BY_CODE[code].local_derivatives(operands, y)):
                slopes[i] = float(slope)
        return 0
