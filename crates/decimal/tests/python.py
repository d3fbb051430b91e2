"""Answers each line `operation|a|b|precision|rounding` with what Python's `decimal` says: `str` of the result, or `!` with
the exception."""

import decimal
import sys
from decimal import Decimal

CONTEXT = decimal.getcontext()

TWO = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "divmod": divmod,
    "**": lambda a, b: a**b,
    "<": lambda a, b: a < b,
    "==": lambda a, b: a == b,
    "quantize": lambda a, b: a.quantize(b),
    "max": lambda a, b: a.max(b),
    "min": lambda a, b: a.min(b),
    "max_mag": lambda a, b: a.max_mag(b),
    "min_mag": lambda a, b: a.min_mag(b),
    "compare_total": lambda a, b: a.compare_total(b),
    "remainder_near": lambda a, b: a.remainder_near(b),
    "scaleb": lambda a, b: a.scaleb(b),
    "same_quantum": lambda a, b: a.same_quantum(b),
    "float<": lambda a, b: a < float(b),
    "float==": lambda a, b: a == float(b),
}
ONE = {
    "read": lambda a: a,
    "neg": lambda a: -a,
    "pos": lambda a: +a,
    "abs": abs,
    "sqrt": lambda a: a.sqrt(),
    "exp": lambda a: a.exp(),
    "ln": lambda a: a.ln(),
    "log10": lambda a: a.log10(),
    "normalize": lambda a: a.normalize(),
    "eng": lambda a: a.to_eng_string(),
    "integral": lambda a: a.to_integral_value(),
    "next_plus": lambda a: a.next_plus(),
    "next_minus": lambda a: a.next_minus(),
    "class": lambda a: a.number_class(),
    "adjusted": lambda a: a.adjusted(),
    "float": float,
    "from_float": lambda a: Decimal(float(a)),
    "ratio": lambda a: "%d %d" % a.as_integer_ratio(),
    "round2": lambda a: round(a, 2),
    "round-2": lambda a: round(a, -2),
}


def answer(operation, a, b):
    a = Decimal(a)
    if operation.startswith("format:"):
        return format(a, operation.removeprefix("format:"))
    result = ONE[operation](a) if operation in ONE else TWO[operation](a, Decimal(b))
    if isinstance(result, tuple):
        return " ".join(map(str, result))
    return str(result)


for line in sys.stdin:
    operation, a, b, precision, rounding = line.rstrip("\n").split("|")
    CONTEXT.prec, CONTEXT.rounding = int(precision), rounding
    try:
        print(answer(operation, a, b))
    except (ArithmeticError, ValueError) as e:
        print(f"!{type(e).__name__} {e}")
