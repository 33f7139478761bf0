"""Numbers as people write them: 6 and not 6.0, and no more digits than can be read."""

from __future__ import annotations

DIGITS = 4


def number_text(number: float, digits: int = DIGITS) -> str:
    """Return a number with so many significant digits, without the zeros at the end.

    Digits before the point stay, up to two more than asked for; what is larger, or below 0.0001, has an
    exponent, as in 1.5e-7. The sign is a plain hyphen; -0 is 0.
    """
    if number != number or number in {float("inf"), -float("inf")}:
        return "nan" if number != number else "inf" if number > 0 else "-inf"
    if number == 0:
        return "0"
    if 1e-4 <= abs(number) < 10.0 ** (digits + 2):
        whole = len(f"{abs(number):.0f}") if abs(number) >= 1 else 0
        text = f"{number:.{max(digits - whole, 0)}f}" if whole else f"{number:.{digits}g}"
        if "e" not in text:
            return _without_zeros(text)
    mantissa, _, exponent = f"{number:.{digits - 1}e}".partition("e")
    return f"{_without_zeros(mantissa)}e{int(exponent)}"


def _without_zeros(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
