"""Each pair of values under each operator: a line of JSON with the expression and what CPython makes of it."""

import json
from datetime import date, datetime, timedelta  # noqa: F401: the expressions use them
from decimal import Decimal  # noqa: F401

VALUES = [
    "0", "1", "-1", "3", "2", "True", "False", "10**20", "-(2**63)",
    "0.0", "-0.0", "0.5", "1.0", "2.5", "3.0", "-7.25", "0.1", "1e16", "1e300", "1121.29",
    "float('inf')", "float('-inf')", "float('nan')",
    "Decimal('0')", "Decimal('-0.00')", "Decimal('1')", "Decimal('1.00')", "Decimal('2.5')", "Decimal('0.1')",
    "Decimal('0.5')", "Decimal('-7.25')", "Decimal('1121.29')", "Decimal('1E+300')", "Decimal('1E-7')",
    "Decimal('3')", "Decimal('NaN')", "Decimal('Infinity')", "Decimal(0.1)", "Decimal('12345678901234567890123456789012')",
    "None", "''", "'a'", "'3'", "[1, 2.5]", "(1,)", "{'a': 1}", "{1, 2}",
    "date(2026, 5, 1)", "datetime(2026, 5, 1, 12, 30)", "timedelta(days=2)",
]
OPERATORS = [
    "{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} / {b}", "{a} // {b}", "{a} % {b}", "divmod({a}, {b})",
    "{a} == {b}", "{a} != {b}", "{a} < {b}", "{a} <= {b}", "{a} > {b}", "{a} >= {b}", "{a} in [{b}]",
    "max({a}, {b})", "min({a}, {b})", "sorted([{a}, {b}, {a}])", "{{{a}: 1}}.get({b})", "len({{{a}, {b}}})",
    "sum([{a}, {b}])", "{a} and {b}", "[{a}].index({b})", "[{a}, {b}].count({a})",
]
SMALL = ["0", "1", "2", "-1", "3", "0.5", "-0.5", "2.0", "True", "Decimal('2')", "Decimal('0.5')", "Decimal('-1')",
         "Decimal('3')", "Decimal('1.5')"]
SINGLE = [
    "round({a})", "round({a}, 2)", "round({a}, -1)", "int({a})", "float({a})", "str({a})", "repr({a})", "bool({a})",
    "-{a}", "+{a}", "abs({a})", "Decimal({a})", "f'{{({a}):.2f}}'", "f'{{({a}):,.1f}}'", "f'{{({a}):>12}}'", "f'{{({a}):+.3e}}'",
    "f'{{({a}):.1%}}'", "f'{{({a}):g}}'", "f'{{({a}):010.2f}}'", "'%s' % ({a},)", "'%.2f' % {a}", "hash({a}) == hash(Decimal('1'))",
    "isinstance({a}, Decimal)", "isinstance({a}, float)", "type({a}).__name__",
]
METHODS = [
    "adjusted()", "as_tuple()", "copy_abs()", "is_zero()", "is_signed()", "is_nan()", "sqrt()", "normalize()", "ln()",
    "exp()", "log10()", "to_eng_string()", "to_integral_value()", "to_integral_value(rounding=ROUND_HALF_UP)",
    "quantize(Decimal('0.01'))", "quantize(Decimal('0.01'), ROUND_HALF_UP)", "quantize(Decimal('1'), rounding=ROUND_DOWN)",
    "compare(Decimal('1'))", "max(Decimal('1'))", "fma(Decimal('2'), Decimal('3'))", "scaleb(2)", "number_class()",
    "as_integer_ratio()", "as_tuple().exponent", "as_tuple()[1]", "copy_sign(Decimal('-1'))", "next_plus()", "remainder_near(Decimal('0.3'))",
]
MORE = [
    "len(Decimal('1.5').as_tuple())", "list(Decimal('1.5').as_tuple())", "Decimal('1.5').as_tuple()[2]",
    "Decimal('1.5').as_tuple() == (0, (1, 5), -1)", "isinstance(Decimal('1.5').as_tuple(), tuple)",
    "-1 in Decimal('1.5').as_tuple()", "[x for x in date(2026, 5, 1).isocalendar()]", "date(2026, 5, 1).isocalendar().week",
    "{Decimal('1.5').as_tuple(): 1}", "Decimal('1.5').as_tuple() + (1,)", "bool(Decimal('1.5').as_tuple())",
    "sorted([Decimal('2'), 1.5, 1, True, Decimal('1.25'), 0.1])", "max(1, Decimal('1.5'), 2.5)", "{1: 'a'}[Decimal('1.0')]",
    "Decimal((1, (1, 2), -1))", "Decimal('1_000.5')", "Decimal(' 7 ')", "Decimal('x')", "Decimal('0x1')", "Decimal(True)",
    "Decimal.from_float(0.1)", "Decimal.from_float(2)", "Decimal.from_float('1')", "getcontext().prec", "getcontext().rounding",
    "Decimal(1) / Decimal(3)", "sum([Decimal('0.1')] * 3)", "sum([Decimal('0.1')] * 3) == Decimal('0.3')",
    "Decimal('1.10') == 1.1", "Decimal('0.5') == 0.5", "0.1 in [Decimal('0.1')]", "Decimal('1') if Decimal('0.0') else 2",
    "str(Decimal('1E+2'))", "int(Decimal('-7.9'))", "Decimal(value='3.5')",
    "Decimal('2.5').quantize(exp=Decimal('1'))", "Decimal('2.5').max(other=Decimal('3'))", "Decimal('7.9') // 1", "-7 // Decimal('2')", "-7 % Decimal('2')",
]
PRELUDE = "from datetime import date, datetime, timedelta\nfrom decimal import *\n"


def cases():
    for a in VALUES:
        for b in VALUES:
            for operator in OPERATORS:
                yield operator.format(a=a, b=b)
        for form in SINGLE:
            yield form.format(a=a)
        if a.startswith("Decimal"):
            for method in METHODS:
                yield f"{a}.{method}"
    yield from MORE
    for a in VALUES:
        if "e300" not in a and "E+300" not in a:
            for b in SMALL:
                yield f"{a} ** {b}"


SCOPE = {}
exec(PRELUDE, SCOPE)
for code in cases():
    try:
        result, exception = repr(eval(code, SCOPE)), None
    except Exception as e:
        result, exception = None, f"{type(e).__name__}: {e}"
    print(json.dumps({"code": code, "repr": result, "exception": exception}))
