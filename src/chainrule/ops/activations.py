"""The activation functions of neural networks, with PyTorch's conventions at their kinks."""

from __future__ import annotations

from chainrule.ops import ieee
from chainrule.ops.elementary import pick
from chainrule.ops.row import Operand, op
from chainrule.ops.transcendental import (
    ONE_OVER_SQRT_2_PI,
    bell,
    normal_cdf,
    sigmoid,
)

E_TO_MINUS_32_OVER_SQRT_2_PI = 5.052271083536892e-15
LEAK = 0.01  # PyTorch's default negative_slope


@op("ReLU", formula="max(a, 0)", slopes=("1 if a > 0 else 0",), kinks=(0.0,))
def relu(a: Operand) -> Operand:
    """Rectified linear unit; slope 0 at 0, nan stays nan."""
    return 0.0 if a <= 0.0 else a


@relu.derivative
def relu_da(a: Operand, y: Operand) -> Operand:
    return pick(a <= 0.0, 0.0, 1.0)


@op(formula="a if a > 0 else 0.01·a", slopes=("1 if a > 0 else 0.01",), kinks=(0.0,))
def leaky_relu(a: Operand) -> Operand:
    """ReLU that lets a hundredth of negative inputs through."""
    return a if a > 0.0 else LEAK * a


@leaky_relu.derivative
def leaky_relu_da(a: Operand, y: Operand) -> Operand:
    return pick(a > 0.0, 1.0, LEAK)


@op(formula="ln(1 + eᵃ)", slopes=("1 / (1 + e⁻ᵃ)",))
def softplus(a: Operand) -> Operand:
    """Smooth ReLU, without a threshold."""
    # e^a is never taken of a large a
    if a > 0.0:
        return a + ieee.log1p(ieee.exp(-a))
    return ieee.log1p(ieee.exp(a))


@softplus.derivative
def softplus_da(a: Operand, y: Operand) -> Operand:
    return sigmoid(a)


@op(formula="a / (1 + e⁻ᵃ)", slopes=("σ(a) + y·σ(−a)",))
def silu(a: Operand) -> Operand:
    """Sigmoid-weighted linear unit, a·σ(a)."""
    if a < -700.0:  # e^a leaves the normal floats before a·e^a does
        return a * ieee.exp(0.5 * a) * ieee.exp(0.5 * a)
    return a * sigmoid(a)


@silu.derivative
def silu_da(a: Operand, y: Operand) -> Operand:
    # y, not a·σ(a), since y keeps its digits where σ(a) is subnormal
    share = sigmoid(a)
    return share + y * pick(a < 0.0, 1.0 - share, sigmoid(-a))


@op(formula="a · Φ(a), Φ the normal distribution", slopes=("Φ(a) + a·φ(a)",))
def gelu(a: Operand) -> Operand:
    """Gaussian error linear unit in its exact form, with erf."""
    if a < -1000.0:
        return a * 0.0  # nan at −inf, as arithmetic and PyTorch have it
    if a < -36.0:
        # Φ(a) leaves the normal floats before a·Φ(a) does: its asymptotic series (Abramowitz and Stegun
        # 26.2.12), whose first term left out is below 2⁻⁵³ here
        u = ieee.divide(1.0, a * a)
        beyond = u * (1.0 - 3.0 * u * (1.0 - 5.0 * u * (1.0 - 7.0 * u * (1.0 - 9.0 * u * (1.0 - 11.0 * u)))))
        first = ONE_OVER_SQRT_2_PI * bell(a, 0.5, 0.0)
        return first * beyond - first
    return a * normal_cdf(a)


@gelu.derivative
def gelu_da(a: Operand, y: Operand) -> Operand:
    # φ(a) leaves the normal floats before a·φ(a) does, so there it is lifted by e³²; far out its 0 is made from
    # a alone, or the inf of a·a would meet it in higher derivatives
    lifted = a * bell(a, 0.5, 32.0) * E_TO_MINUS_32_OVER_SQRT_2_PI
    return normal_cdf(a) + pick(
        abs(a) > 37.0,
        pick(abs(a) > 64.0, a * 0.0, lifted),
        ONE_OVER_SQRT_2_PI * (a * bell(a, 0.5, 0.0)),
    )
