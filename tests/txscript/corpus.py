# Code whose results must be the same in the package and here; "# row N" is for a row of line_items.
field.amount_total - sum(default_to(field.item_total.all_values, 0))
# ---
round(sum(default_to(field.item_total.all_values, 0)), 2) != round(field.amount_total, 2)
# ---
sum(field.item_total.all_values)
# ---
5 + field.amount_empty
# ---
field.amount_empty * 2
# ---
3 - field.amount_empty
# ---
field.amount_total > field.amount_empty
# ---
10 > field.amount_empty
# ---
field.amount_empty < 10
# ---
is_empty(field.amount_empty), is_empty(field.empty_text), is_empty(field.date_empty), is_set(field.amount_due)
# ---
field.amount_empty is None, field.amount_empty == None, field.empty_text == "", not field.amount_empty
# ---
field.amount_odd
# ---
field.amount_odd + 1
# ---
field.date_due - field.date_issue
# ---
(field.date_due - field.date_issue).days > 14
# ---
field.date_issue + timedelta(days=30)
# ---
field.date_issue.replace(day=1) - timedelta(days=1)
# ---
field.date_issue.strftime("%Y-%m, %d. %B %a %j")
# ---
field.date_empty.month
# ---
field.date_empty.strftime("%Y")
# ---
f"{field.date_issue:%d/%m/%Y}"
# ---
f"{field.amount_total:,.2f} {field.amount_total:>12.1f}|{field.amount_total:<10}|{field.amount_total:^+12.3f}|{field.amount_total:e}|{field.amount_total:g}"
# ---
f"{field.amount_empty:.2f}"
# ---
f"{field.amount_empty}"
# ---
f"G{field.date_issue.month:02} {field.sender_name}"
# ---
field.sender_name.upper(), field.sender_name.split(","), field.sender_name[:4], field.sender_name[-1], len(field.sender_name)
# ---
field.note.strip(), field.note.split(), field.note.splitlines(), field.note.replace("\n", " ")
# ---
field.sender_name.nothing
# ---
field.sender_name.label
# ---
field.nothing_at_all
# ---
field.amount_total.nothing
# ---
field.amount_empty.nothing
# ---
field.is_paid, field.is_open, field.is_unknown, bool(field.is_open), field.is_paid == True
# ---
field.is_unknown is None
# ---
not field.is_open
# ---
field.priority + 1, field.currency, field.currency == "eur"
# ---
field.press
# ---
field.item_code
# ---
field.item_code == "A-1"
# ---
str(field.item_code)
# ---
len(field.item_code)
# ---
for x in field.item_code:
    show_info(x)
# ---
field.item_code.all_values == "A-1"
# ---
any(field.item_code.all_values == "A-1"), all(field.item_code.all_values == "A-1")
# ---
if field.item_code.all_values == "A-1":
    1
# ---
field.item_quantity.all_values * field.item_amount.all_values
# ---
default_to(field.item_quantity.all_values, 0) * default_to(field.item_amount.all_values, 0)
# ---
1000 - default_to(field.item_total.all_values, 0)
# ---
field.amount_total - default_to(field.item_total.all_values, 0)
# ---
field.amount_total * field.item_total.all_values
# ---
is_empty(field.item_total.all_values)
# ---
field.item_total.all_values + field.tax_base.all_values
# ---
field.item_total.all_values[0], field.item_total.all_values[-1], field.item_total.all_values[:2], len(field.item_total.all_values)
# ---
field.item_total.all_values[10]
# ---
[x for x in field.item_total.all_values if x]
# ---
[(row._index, row.item_code) for row in field.line_items]
# ---
field.line_items[1].item_amount
# ---
field.line_items[1]
# ---
field.line_items[9]
# ---
field.line_items[0].nothing
# ---
field.line_items[0].amount_total
# ---
len(field.line_items), len(field.no_rows), len(field.order_ids)
# ---
field.order_ids.all_values
# ---
field.order_id.all_values, field.order_id.all_values[0]
# ---
", ".join(field.order_id.all_values)
# ---
sorted(set(field.item_code.all_values))
# ---
set(field.item_total.all_values)
# ---
max(default_to(field.item_total.all_values, 0)), min(default_to(field.item_total.all_values, 0))
# ---
max(field.item_total.all_values)
# ---
sum(field.no_cell.all_values), list(field.no_cell.all_values), any(field.no_cell.all_values)
# ---
totals = {}
for row in field.line_items:
    totals[row.item_code] = totals.get(row.item_code, 0) + default_to(row.item_total, 0)
totals
# ---
summary = ""
for code in sorted(set(field.item_code.all_values)):
    amounts = [fallback(row.item_total, 0) for row in field.line_items if row.item_code == code]
    summary += f"{code}: {round(sum(amounts), 2)}\n"
summary
# ---
for row in field.line_items:
    if is_empty(row.item_total):
        show_error("Total is missing", row.item_total)
    elif row.item_total > 50:
        show_warning(f"Large: {row.item_total}", field=row.item_total)
        automation_blocker("large", row.item_total)
# ---
show_info("all of it", field.item_total)
show_info("the table", field.line_items)
show_info("a row", field.line_items[0])
# ---
show_error("x", "text")
# ---
show_error(field.amount_total)
# ---
show_error(content="named", field=field.sender_name)
# ---
show_error("said"); 7
# ---
x = 5
# ---
if False:
    1
# ---
x = 3
x + 1
y = 2
# ---
field.amount_total.attr.id, field.amount_total.attr.value, field.amount_total.attr.normalized_value
# ---
field.amount_total.attr.rir_confidence, field.amount_total.attr.page, field.amount_total.attr.position
# ---
field.amount_total.attr.label, field.amount_total.attr.type, field.amount_total.attr.hidden, field.amount_total.attr.schema_id
# ---
field.amount_total.attr.nothing
# ---
field.amount_total.id, field.amount_total.value, field.amount_total.rir_confidence
# ---
field.sender_name.attr.validation_sources[0], "score" in field.sender_name.attr.validation_sources
# ---
[option.label for option in field.currency.attr.options], [option.value for option in field.currency.options]
# ---
field.line_items[0].item_code.parent == field.line_items[0], field.amount_total.parent
# ---
field.line_items[0].item_code.parent_multivalue == field.line_items
# ---
field.amount_total.parent_multivalue
# ---
context.document.original_file_name, context.queue.name, context.queue["counts"]["to_review"], context.pages, context.email
# ---
context.nothing
# ---
context.queue.nothing
# ---
field.amount_total = 5
# ---
field.sender_name.attr.hidden = True
# ---
# row 0
field.item_quantity * field.item_amount
# ---
# row 2
field.item_quantity * field.item_amount
# ---
# row 1
field._index, field.item_code, field.amount_total, field.item_date
# ---
# row 3
group = 0
for row in field.line_items:
    if row.item_code == field.item_code:
        group += row.item_total
group
# ---
# row 2
if field.item_total >= 30:
    field._index
# ---
# row 0
show_error("here", field.item_code)
field.item_code.attr.id
# ---
substitute(r"[^\w\d]", r"", field.sender_name)
# ---
substitute(r"(\d+)-(\d+)", r"\2/\1", field.document_id), re.sub("x*", "-", "abxd")
# ---
re.search(r"\d{4}", field.document_id).group(), re.match(r"\d", field.document_id), re.fullmatch(r"INV-\d+-\d+", field.document_id) is not None
# ---
re.search(r"(?P<year>\d{4})-(?P<number>\d+)", field.document_id).groupdict()
# ---
m = re.search(r"(\d{4})-(\d+)", field.document_id)
m.groups(), m.start(), m.end(2), m.span(1), m[1], m.group(1, 2)
# ---
re.findall(r"[A-Z]+|\d+", field.document_id), re.split(r"-", field.document_id), re.split(r"(-)", field.document_id)
# ---
re.findall(r"(\w)(\d)", "a1b2c3"), re.sub(r"(?i)inv", "X", field.document_id), re.sub(r"\d", lambda m: str(int(m.group()) + 1), "a1b9")
# ---
re.search(r"(?<=-)\d+(?=-)", field.document_id).group(), re.search(r"(.)\1", "abccd").group(), re.match(r"a$", "a\n") is not None
# ---
re.compile(r"\s+").sub(" ", field.note), re.escape("a.b*c"), re.sub("a", "b", "aaa", count=2), re.sub("A", "b", "aaa", flags=re.IGNORECASE)
# ---
re.search(r"x", field.amount_total)
# ---
re.search(r"x", field.document_id).group()
# ---
import json
json.dumps({"a": field.amount_total, "b": [field.sender_name, None, True], "d": field.date_issue, "r": field.line_items[0]}, sort_keys=True)
# ---
import json
json.loads('{"a": [1, 2.5, "x", null, true], "b": {}}'), json.dumps("žluť \n\"", ensure_ascii=False), json.dumps("ž"), json.dumps([1, {"a": 2}], indent=2)
# ---
import json
json.loads("{not json}")
# ---
import json
json.loads("")
# ---
import json
try:
    json.loads("[1, 2")
except json.JSONDecodeError as e:
    "bad"
# ---
import math
math.isclose(0.1 + 0.2, 0.3), math.floor(2.7), math.ceil(2.1), math.sqrt(16), math.floor(field.amount_total), math.isclose(field.amount_total, 1121.29, abs_tol=0.01)
# ---
import math
math.isclose(field.amount_empty, 1)
# ---
from datetime import datetime, date, timedelta
datetime.strptime("2024-05-01", "%Y-%m-%d").date() == field.date_issue, date(2024, 1, 31) + timedelta(weeks=1), datetime(2024, 1, 2, 3, 4, 5)
# ---
import datetime
datetime.date.fromisoformat("2024-02-29"), datetime.datetime(2024, 5, 1, 10, 30).isoformat(), datetime.timedelta(hours=25)
# ---
date.fromisoformat("2024-13-01")
# ---
date(2024, 2, 30)
# ---
date(2024, 13, 1)
# ---
field.date_issue.weekday(), field.date_issue.isocalendar()[1], field.date_issue.isoformat(), str(field.date_issue), field.date_issue.year
# ---
field.date_issue < field.date_due < date(2030, 1, 1)
# ---
field.date_issue < "2024"
# ---
from decimal import Decimal, ROUND_HALF_UP
Decimal("1.005").quantize(Decimal("0.01"), rounding=ROUND_HALF_UP), Decimal("1.1") + 2, str(Decimal("10") / 4)
# ---
from collections import defaultdict, Counter
d = defaultdict(list)
for row in field.line_items:
    d[row.item_code].append(row._index)
dict(d), Counter("abca").most_common(1), Counter(["x", "y", "x"])["x"]
# ---
from itertools import chain, groupby, islice
list(chain([1, 2], (3,))), [(k, list(g)) for k, g in groupby([1, 1, 2])], list(islice(range(10), 2, 8, 3))
# ---
from functools import reduce
reduce(lambda a, b: a * b, [1, 2, 3, 4])
# ---
1 / 0
# ---
1 // 0
# ---
1 % 0
# ---
1.0 / 0
# ---
7 // 2, -7 // 2, 7 % -3, -7 % 3, 7.5 // 2, -7.5 % 2, divmod(-7, 2), 2 ** 10, 2 ** -1, 2 ** 0.5, 10 ** 20
# ---
0.1 + 0.2, 1e16, 1e-7, 123456789.123, 1.0, -0.0, 1e22, 5e-324, 100000000000000000000.0, float("inf"), float("nan")
# ---
round(2.5), round(3.5), round(2.675, 2), round(-1.5), round(1234, -2), round(1.005, 2), round(5, 1), round(0.5)
# ---
round("x")
# ---
round(None)
# ---
round(field.amount_empty, 2)
# ---
round(field.amount_total), round(field.amount_total, 1), abs(field.amount_total), -field.amount_total, int(field.amount_total), float(field.amount_total)
# ---
abs(field.amount_empty)
# ---
int(field.amount_empty)
# ---
float(field.amount_empty)
# ---
float("1,5")
# ---
int("12a")
# ---
int("  42 "), int(3.9), int("-7"), float("1e3"), float(" 2.5 "), int("ff", 16), str(1.0), str(10**15), bool(""), bool("x")
# ---
"a" + 1
# ---
1 + "a"
# ---
field.amount_total + "a"
# ---
"a" + field.amount_total
# ---
field.sender_name + field.amount_total
# ---
field.sender_name + 1
# ---
[1] + (2,)
# ---
"a" * 3, [0] * 3, 3 * "ab", (1,) * 2, "a" * 0, "a" * -1
# ---
"a" * 1.5
# ---
None + 1
# ---
-"a"
# ---
[1, 2] < [1, 3], (1, 2) < (1, 2, 0), "a" < "b", "Z" < "a", [1] == [1.0], 1 == True, None == False
# ---
1 < "a"
# ---
[1] < None
# ---
1 in [1, 2], "a" in "abc", 3 not in (1, 2), "k" in {"k": 1}, 2 in {1, 2}, 5 in range(10)
# ---
1 in "abc"
# ---
1 in 5
# ---
1 < 2 < 3, 1 < 3 < 2, 3 > 2 >= 2 != 1
# ---
True and 5, 0 or "x", None and 1, not 0, 1 if [] else 2
# ---
[x * 2 for x in range(5) if x % 2], {x: x ** 2 for x in range(3)}, {x % 2 for x in range(5)} == {0, 1}, [(x, y) for x in range(2) for y in range(x, 2)]
# ---
sum(x for x in range(10)), any(x > 3 for x in [1, 5]), all(x for x in []), next(x for x in range(5) if x > 2), next((x for x in [] if x), "none")
# ---
next(x for x in [])
# ---
next(iter([]), 5), list(zip([1, 2], "ab")), list(enumerate("ab", 1)), list(map(str, [1, 2])), list(filter(None, [0, 1, 2])), list(reversed([1, 2, 3]))
# ---
sorted([3, 1, 2], reverse=True), sorted(["b", "A", "c"], key=str.lower), sorted([(1, "b"), (1, "a")], key=lambda p: p[1]), min(3, 1, 2), max([1, 5], key=lambda x: -x), max([], default=0)
# ---
max([])
# ---
sorted([1, "a"])
# ---
sum(["a", "b"])
# ---
sum(["a"], "")
# ---
sum([0.1] * 10), sum([1e16, 1.0, -1e16]), sum([1, 2.5]), sum([], 5), sum([[1], [2]], [])
# ---
a, b = 1, 2
a, b = b, a
(a, b), [c, *d] = (a, b), [1, 2, 3]
a, b, c, d
# ---
a, b = 1, 2, 3
# ---
a, b = [1]
# ---
a, b = 5
# ---
x = y = [1]
y.append(2)
x += [3]
x, y
# ---
d = {"a": 1}
d["b"] = 2
d.update(c=3)
d.setdefault("e", []).append(1)
del d["a"]
d, list(d.items()), d.pop("b"), d.get("zz"), d.get("zz", 0), len(d)
# ---
{}["missing"]
# ---
[1, 2][5]
# ---
"abc"[5]
# ---
(1, 2)["a"]
# ---
"abc"["a"]
# ---
5[0]
# ---
5()
# ---
None.foo
# ---
"abc".foo
# ---
[].foo
# ---
len(5)
# ---
len(field.amount_total)
# ---
for x in 5:
    pass
# ---
unknown = 1
del unknown
unknown
# ---
def f(a, b=2, *args, c=3, **kwargs):
    return a, b, args, c, kwargs
f(1), f(1, 5, 6, c=7, d=8), f(*[1, 2, 3], **{"e": 4})
# ---
def f(a, b):
    return a
f(1)
# ---
def f(a):
    return a
f()
# ---
def f(a):
    return a
f(1, 2)
# ---
def f(a):
    return a
f(1, a=2)
# ---
def f(a):
    return a
f(b=2)
# ---
def f(x):
    if x > 0:
        return g(x)
    return x / 0
def g(x):
    return f(x - 1)
f(2)
# ---
def outer():
    count = 0
    def inner():
        nonlocal count
        count += 1
        return count
    inner()
    return inner()
outer()
# ---
total = 0
def add(x):
    global total
    total += x
add(5)
add(6)
total
# ---
def f():
    x = y
    y = 1
f()
# ---
fs = [lambda x=i: x for i in range(3)]
[f() for f in fs], (lambda a, b: a + b)(1, 2)
# ---
fs = [lambda: i for i in range(3)]
[f() for f in fs]
# ---
i = 0
while True:
    i += 1
    if i == 3:
        continue
    if i > 5:
        break
else:
    i = 100
i
# ---
for x in range(3):
    pass
else:
    x = "done"
x
# ---
try:
    1 / 0
except ZeroDivisionError as e:
    message = str(e)
finally:
    last = 1
message, last
# ---
try:
    int("x")
except (TypeError, ValueError):
    "caught"
else:
    "not"
# ---
try:
    {}["k"]
except LookupError as e:
    repr(e), e.args, type(e).__name__
# ---
raise ValueError("own text")
# ---
raise ValueError
# ---
try:
    raise TypeError("a", 1)
except Exception as e:
    str(e)
# ---
try:
    1 / 0
except ValueError:
    5
# ---
try:
    1 / 0
except ZeroDivisionError:
    raise RuntimeError("other")
# ---
assert field.amount_total > 1e6, "too small"
# ---
assert False
# ---
if (n := len("abcd")) > 3:
    n
# ---
x: int = 5
x
# ---
f"{'a':>5}|{'a':<5}|{'a':^5}|{'abc':.2}|{42:05d}|{42:x}|{42:#b}|{-42:+}|{1234567:,}|{0.5:.0%}|{3.14159:.3g}|{True}|{None}|{[1, 'a']}"
# ---
f"{field.sender_name!r} {5!s} {'ž'!a} {3=} {1 + 1 = :>5}"
# ---
f"{'x':d}"
# ---
f"{5:s}"
# ---
f"{5.5:d}"
# ---
width = 8
f"{3.14159:{width}.{2}f}"
# ---
"{} {1}".format(1, 2)
# ---
"{} {} {name} {0:>4}".replace("{0:>4}", "").format(1, 2, name="n"), "{0:>4}|{a[k]}".format(5, a={"k": 1})
# ---
"%s %d %.2f %05d %r %%" % ("a", 5, 1.005, 42, "q"), "%s" % field.amount_total, "%d items" % 3
# ---
"%d" % "x"
# ---
"%s %s" % (1,)
# ---
"a,b,,c".split(","), " a  b ".split(), "a-b-c".rsplit("-", 1), "abc".partition("b"), "x".join(["1", "2"]), "Hello World".swapcase(), "hello world".title(), "hELLO".capitalize()
# ---
",".join([1, 2])
# ---
"abc".startswith("a"), "abc".endswith(("x", "c")), "abc".find("z"), "abcabc".count("bc"), "abc".index("c"), "7".zfill(3), "-7".zfill(4), "ab".ljust(4, "."), "ab".center(5), "abc".isalpha(), "12".isdigit(), "a1".isalnum(), " ".isspace()
# ---
"abc".index("z")
# ---
"abc".replace("b", 1)
# ---
"ABC".lower().strip("a"), "xxabxx".strip("x"), "a\tb".expandtabs(), "prefix-x".removeprefix("prefix-"), "x.pdf".removesuffix(".pdf"), "straße".casefold(), "ß".upper()
# ---
"abcdef"[1:4], "abcdef"[::-1], "abcdef"[-3:], "abcdef"[::2], [1, 2, 3, 4][1:-1], [1, 2, 3][5:], (1, 2, 3)[:2], "žluť"[1:3]
# ---
x = [1, 2, 3, 4, 5]
x[1:3] = [9]
x[::2] = [0, 0]
del x[0]
x.insert(1, "i")
x.remove(9)
x.reverse()
x, x.index("i"), x.count(0), x.pop(), x
# ---
[].pop()
# ---
[1].remove(2)
# ---
[1, 2].index(3)
# ---
x = [3, 1, 2]
x.sort(key=lambda v: -v)
x
# ---
{1, 2} | {3}, {1, 2} & {2}, {1, 2} - {2}, {1} ^ {2}, {1} <= {1, 2}, {1, 2}.issuperset({1}), len({1, 1})
# ---
{[1]: 2}
# ---
{"a": {"b": [1, (2, 3)]}}, [None, True, 1.5, "q'\"", '\n'], (1,), set(), frozenset([1])
# ---
isinstance(5, int), isinstance(True, int), isinstance("a", (int, str)), isinstance(field.sender_name, str), isinstance(field.amount_total, float), isinstance([], list), isinstance(None, type(None))
# ---
isinstance(5, 5)
# ---
type(5), type("a"), type(5).__name__, str, int
# ---
hasattr("a", "upper"), hasattr(field, "nothing"), getattr(field, "amount_total"), getattr(field, "nothing", 5), getattr("abc", "upper")()
# ---
list("abc"), tuple([1, 2]), dict([("a", 1)], b=2), list(range(0, 10, 3)), list(range(5, 0, -2)), bool([]), str([1]), set("a"), list({"x": 1})
# ---
chr(65), ord("a"), hex(255), bin(5), oct(8), abs(-5), pow(2, 3), divmod(7, 3), callable(len), repr("a")
# ---
10 ** 18 * 10 ** 18, 2 ** 100, -(2 ** 64), 2 ** 64 % 1000, (2 ** 70) // 3
# ---
1_000_000, 0xff, 0b11, 1e3, 1.5e-3, 0o17
# ---
"a" "b", 'it''s', """multi
line""", r"\d", "\u00e9\x41\t"
# ---
lines = [
    field.amount_total
    + field.amount_empty
]
# ---
def check(row):
    return (
        row.item_total
        > 5
    )
[check(row) for row in field.line_items]
# ---
sum(
    row.item_total
    for row in field.line_items
)
# ---
list(row.item_quantity * 2 for row in field.line_items)
# ---
x = 5; y = x + \
  1
y
# ---
(
    field.amount_total > 100
    and not is_empty(field.sender_name)
)
# ---
MAX = 1000
(field.amount_total > MAX
 or field.amount_due > MAX)
# ---
field.amount_total in (1121.29, 5), field.currency in ["eur", "usd"], field.sender_name in "xACME, s.r.o.x"
# ---
"amount" if field.amount_total else "none", field.amount_due or "zero", field.empty_text or "default"
# ---
{field.currency: 1}, {"eur": 5}[field.currency], {"eur": 5}.get(field.currency)
# ---
{field.amount_total: 1}
# ---
field.currency.upper().lower() == field.currency, field.currency + "x", "x" + field.currency, field.currency * 2
# ---
field.amount_total // 10, field.amount_total % 10, field.amount_total ** 2, 2 ** field.priority, 10 / field.priority, 10 // field.priority, 10 % field.priority, divmod(field.amount_total, 100)
# ---
field.amount_total / field.amount_due
# ---
field.amount_total.is_integer(), field.priority.is_integer()
# ---
str(field.amount_total), repr(field.amount_total), str(field.amount_empty), str(field.date_issue), repr(field.date_issue), repr(field.sender_name), str(field.is_paid), repr(field.line_items[0].item_code)
# ---
[str(x) for x in field.item_total.all_values], [repr(x) for x in field.item_date.all_values]
# ---
min(field.date_issue, field.date_due), max(field.amount_total, field.amount_tax, 5), sorted([field.amount_total, field.amount_tax, 3])
# ---
field.item_description.all_values[3], len(field.item_description.all_values[3]), field.item_description.all_values[3].upper()
# ---
tolerance = 0.01
mismatch = [row._index + 1 for row in field.line_items if not is_empty(row.item_quantity) and not is_empty(row.item_amount) and abs(row.item_quantity * row.item_amount - default_to(row.item_total, 0)) > tolerance]
if mismatch:
    show_error(f"Lines do not add up: {', '.join(str(i) for i in mismatch)}")
mismatch == []
# ---
default_to(field.amount_empty, 5), default_to(field.empty_text, "x"), default_to(field.amount_total, 0), default_to(None, 1), default_to("", 2), default_to(0, 3), fallback(field.date_empty, date(2020, 1, 1))
# ---
default_to(field.item_code, "x")
# ---
is_empty(field.item_code)
# ---
is_empty(field.line_items), is_empty([]), is_empty(0), is_empty(None), is_empty("")
# ---
pos = field.sender_name.find(",")
field.sender_name[:pos] if pos >= 0 else field.sender_name
# ---
print("nothing to see")
# ---
def f(n):
    return f(n + 1)
try:
    f(0)
except RecursionError:
    "too deep"
# ---
[x for x in [1, 2, 3]][0], [[y for y in range(x)] for x in range(3)]
# ---
x = 10
[x for x in range(3)]
x
# ---
list(map(lambda a, b: a + b, [1, 2], [3, 4])), dict(zip("ab", [1, 2])), [*range(3), *"ab"], {**{"a": 1}, "b": 2}
# ---
"\n".join(f"{i}: {row.item_code}" for i, row in enumerate(field.line_items, start=1))
# ---
field.sender_name.translate(str.maketrans("A", "B")), "a.b".translate({46: None})
# ---
timedelta(days=1, hours=2), timedelta(minutes=-5), str(timedelta(seconds=3661.5)), timedelta(days=1).total_seconds(), timedelta(7) / timedelta(2), timedelta(1) * 2.5, -timedelta(1)
# ---
date(2024, 5, 1) - 5
# ---
date(9999, 12, 31) + timedelta(days=1)
# ---
annotation.id, annotation.status, f"{annotation.id}.json", annotation.metadata, annotation.automated, annotation.previous_status
# ---
annotation.document.id
# ---
annotation.nothing
# ---
annotation.email
# ---
updated_datapoint_ids
# ---
annotation = 5
annotation + 1
# ---
set_options([{"value": 1, "label": "One"}, {"value": "b", "label": "B", "struct": {"x": [1, None]}, "more": 1}])
"b"
# ---
set_options(options=[])
# ---
set_options([{"value": 1}])
# ---
set_options([o for o in field.currency.attr.options if o.value != "eur"])
field.currency.attr.options[0].value
# ---
set_struct({"a": 1, "b": {"c": field.amount_total}})
set_struct(struct={"d": "2"})
3
# ---
set_struct({"a": 1})
1 / 0
# ---
set_struct(5)
# ---
set_options(5)
# row 1
set_options([{"value": row.item_code, "label": str(row._index)} for row in field.line_items])
field.item_code
# ---
field.date_issue == datetime.datetime.now(), field.date_issue != datetime.datetime.now()
# ---
field.date_issue < datetime.datetime.now()
# ---
datetime.datetime.now() >= field.date_issue
# ---
datetime.datetime.now().date() >= field.date_issue
# ---
field.date_issue.date()
# ---
is_empty(field.line_items), is_set(field.line_items), field.line_items == [], field.line_items == None, len(field.line_items) == 0
# ---
field.line_items.all_values
# ---
context.anotation
# ---
field.amount_total.attr.confidence
# ---
field.date_issue.month == "1", field.date_issue.strftime("%Y") == 2026
