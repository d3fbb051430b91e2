"""Makes cases for oracle.py: random code over random documents. `generate.py SEED COUNT`."""

import copy
import json
import pathlib
import random
import sys

NUMBERS = ["amount_total", "amount_tax", "amount_due", "amount_empty", "amount_odd", "priority"]
TEXTS = ["document_id", "sender_name", "note", "empty_text", "currency"]
DATES = ["date_issue", "date_due", "date_empty"]
BOOLEANS = ["is_paid", "is_open", "is_unknown"]
NUMBER_COLUMNS = ["item_quantity", "item_amount", "item_total"]
TEXT_COLUMNS = ["item_code", "item_description"]

PAYLOAD = json.loads((pathlib.Path(__file__).parent / "payload.json").read_text())


class Writer:
    def __init__(self, rng, row):
        self.rng, self.row, self.names = rng, row, []

    def any(self, depth):
        return self.rng.choice([self.number, self.number, self.text, self.boolean, self.date, self.list, self.column])(depth)

    def pick(self, depth, leaves, branches):
        options = leaves if depth <= 0 else leaves + branches * 2
        made = self.rng.choice(options)
        return made() if callable(made) else made

    def number(self, depth):
        rng, n, d = self.rng, self.number, depth - 1
        leaves = [lambda: str(rng.choice([0, 1, 2, 3, -1, 7, 10, 100, 0.1, 0.5, 2.5, 1e3, 1234.565])), lambda: f"field.{rng.choice(NUMBERS)}"]
        if self.row is not None:
            leaves.append(lambda: f"field.{rng.choice(NUMBER_COLUMNS)}")
        branches = [
            lambda: f"({n(d)} {rng.choice(['+', '-', '*', '/', '//', '%'])} {n(d)})",
            lambda: f"round({n(d)}, {rng.randrange(-2, 4)})",
            lambda: f"round({n(d)})",
            lambda: f"abs({n(d)})",
            lambda: f"-{n(d)}",
            lambda: f"int({n(d)})",
            lambda: f"float({self.rng.choice([n, self.text])(d)})",
            lambda: f"default_to({n(d)}, {n(d)})",
            lambda: f"({n(d)} if {self.boolean(d)} else {n(d)})",
            lambda: f"sum({self.column(d)})",
            lambda: f"sum(default_to(field.{rng.choice(NUMBER_COLUMNS)}.all_values, 0))",
            lambda: f"{rng.choice(['min', 'max'])}({n(d)}, {n(d)})",
            lambda: f"{rng.choice(['min', 'max'])}({self.list(d)})",
            lambda: f"len({self.rng.choice([self.text, self.list, self.column])(d)})",
            lambda: f"sum(row.{rng.choice(NUMBER_COLUMNS)} for row in field.line_items if {self.of_row(d)})",
            lambda: f"({self.date(d)} - {self.date(d)}).days",
            lambda: f"{self.date(d)}.{rng.choice(['year', 'month', 'day'])}",
            lambda: f"field.{rng.choice(NUMBER_COLUMNS)}.all_values[{rng.randrange(-5, 5)}]",
            lambda: f"{self.text(d)}.count({self.text(0)})",
            lambda: f"{self.text(d)}.find({self.text(0)})",
        ]
        return self.pick(depth, leaves, branches)

    def text(self, depth):
        rng, t, d = self.rng, self.text, depth - 1
        leaves = [lambda: repr(rng.choice(["", "a", "-", "INV", "ACME", "12", "1.5", " x ", "é", "a,b"])), lambda: f"field.{rng.choice(TEXTS)}"]
        if self.row is not None:
            leaves.append(lambda: f"field.{rng.choice(TEXT_COLUMNS)}")
        branches = [
            lambda: f"({t(d)} + {t(d)})",
            lambda: f"str({self.any(d)})",
            lambda: f"{t(d)}.{rng.choice(['upper', 'lower', 'strip', 'title', 'capitalize'])}()",
            lambda: f"{t(d)}.replace({t(0)}, {t(0)})",
            lambda: f"{t(d)}[{rng.randrange(-3, 4)}:{rng.choice(['', '2', '-1', '10'])}]",
            lambda: f"{t(d)}[{rng.randrange(-3, 4)}]",
            lambda: "f\"{" + self.number(d).replace('"', "'") + rng.choice(["", ":.2f", ":,.1f", ":08.3f", ":>10", ":g", ":+.1e"]) + "}\"",
            lambda: "f\"{" + t(0).replace('"', "'") + rng.choice(["", ":>8", ":.3", "!r"]) + "}|{" + self.date(0) + rng.choice(["", ":%d.%m.%Y"]) + "}\"",
            lambda: f"default_to({t(d)}, {t(d)})",
            lambda: f"({t(d)} if {self.boolean(d)} else {t(d)})",
            lambda: f"{repr(rng.choice([',', '', ' - ']))}.join({self.list_of_text(d)})",
            lambda: f"substitute({rng.choice(PATTERNS)!r}, {rng.choice(['', '-', 'x'])!r}, {t(d)})",
            lambda: f"{self.date(d)}.strftime({rng.choice(['%Y-%m', '%d/%m/%y', '%B', '%j'])!r})",
            lambda: f"({t(d)} * {rng.randrange(0, 4)})",
            lambda: f"'%s %d' % ({t(0)}, {self.number(0)})",
        ]
        return self.pick(depth, leaves, branches)

    def boolean(self, depth):
        rng, b, d = self.rng, self.boolean, depth - 1
        leaves = [lambda: rng.choice(["True", "False"]), lambda: f"field.{rng.choice(BOOLEANS)}"]
        branches = [
            lambda: f"({self.number(d)} {rng.choice(['<', '<=', '>', '>=', '==', '!='])} {self.number(d)})",
            lambda: f"({self.text(d)} {rng.choice(['==', '!=', 'in', 'not in', '<'])} {self.text(d)})",
            lambda: f"({self.date(d)} {rng.choice(['<', '==', '>='])} {self.date(d)})",
            lambda: f"is_empty({rng.choice([self.number, self.text, self.date])(d)})",
            lambda: f"not {b(d)}",
            lambda: f"({b(d)} {rng.choice(['and', 'or'])} {b(d)})",
            lambda: f"any({self.column(d)} {rng.choice(['>', '==', '<='])} {self.number(0)})",
            lambda: f"all({self.list(d)})",
            lambda: f"({self.any(0)} in {self.list(d)})",
            lambda: f"bool({self.any(d)})",
            lambda: f"isinstance({self.any(d)}, {rng.choice(['int', 'float', 'str', 'bool', 'list', '(int, float)'])})",
            lambda: f"({self.number(d)} < {self.number(d)} <= {self.number(d)})",
            lambda: f"(re.search({rng.choice(PATTERNS)!r}, {self.text(d)}) is not None)",
            lambda: f"{self.text(d)}.{rng.choice(['isdigit', 'isalpha', 'isupper'])}()",
            lambda: f"({self.any(d)} is None)",
        ]
        return self.pick(depth, leaves, branches)

    def date(self, depth):
        rng, d = self.rng, depth - 1
        leaves = [lambda: f"field.{rng.choice(DATES)}", lambda: f"date({rng.randrange(2020, 2026)}, {rng.randrange(1, 13)}, {rng.randrange(1, 30)})"]
        branches = [
            lambda: f"({self.date(d)} {rng.choice(['+', '-'])} timedelta(days={rng.randrange(-40, 400)}))",
            lambda: f"{self.date(d)}.replace(day={rng.randrange(1, 32)})",
            lambda: f"default_to({self.date(d)}, {self.date(d)})",
            lambda: f"date.fromisoformat({rng.choice(['2024-02-29', '2023-02-29', '2024-1-1', '20240501'])!r})",
        ]
        return self.pick(depth, leaves, branches)

    def column(self, depth):
        rng, d = self.rng, depth - 1
        leaves = [lambda: f"field.{rng.choice(NUMBER_COLUMNS)}.all_values", lambda: f"default_to(field.{rng.choice(NUMBER_COLUMNS)}.all_values, {rng.randrange(3)})"]
        branches = [
            lambda: f"({self.column(d)} {rng.choice(['+', '-', '*', '/'])} {rng.choice([self.column, self.number])(d)})",
            lambda: f"({self.number(0)} {rng.choice(['+', '-', '*'])} {self.column(d)})",
            lambda: f"round({self.column(d)}, 1)",
            lambda: f"abs({self.column(d)})",
            lambda: f"is_empty({self.column(d)})",
        ]
        return self.pick(depth, leaves, branches)

    def of_row(self, depth):
        rng = self.rng
        return rng.choice([
            f"row.item_code == {self.text(0)}",
            f"not is_empty(row.{rng.choice(NUMBER_COLUMNS)})",
            f"row.{rng.choice(NUMBER_COLUMNS)} > {self.number(0)}",
            f"row._index {rng.choice(['<', '!='])} {rng.randrange(4)}",
            "True",
        ])

    def list(self, depth):
        rng, d = self.rng, depth - 1
        leaves = [lambda: "[" + ", ".join(self.number(0) for _ in range(rng.randrange(4))) + "]", lambda: f"list(range({rng.randrange(5)}))"]
        branches = [
            lambda: f"[row.{rng.choice(NUMBER_COLUMNS + TEXT_COLUMNS)} for row in field.line_items if {self.of_row(d)}]",
            lambda: f"[x * {self.number(0)} for x in {self.list(d)}]",
            lambda: f"sorted({self.rng.choice([self.list, self.list_of_text])(d)}, reverse={rng.choice(['True', 'False'])})",
            lambda: f"({self.list(d)} + {self.list(d)})",
            lambda: f"{self.list(d)}[{rng.randrange(-2, 3)}:]",
            lambda: f"list(zip({self.list(d)}, {self.list_of_text(d)}))",
            lambda: f"list(enumerate({self.list_of_text(d)}, {rng.randrange(2)}))",
            lambda: f"{self.text(d)}.split({rng.choice(['', repr(','), repr('-')])})",
            lambda: f"re.findall({rng.choice(PATTERNS)!r}, {self.text(d)})",
            lambda: f"sorted(set({self.list_of_text(d)}))",
        ]
        return self.pick(depth, leaves, branches)

    def list_of_text(self, depth):
        rng, d = self.rng, depth - 1
        leaves = [lambda: f"field.{rng.choice(TEXT_COLUMNS)}.all_values", lambda: "[" + ", ".join(self.text(0) for _ in range(rng.randrange(4))) + "]"]
        branches = [lambda: f"[str(x) for x in {self.list(d)}]", lambda: f"{self.text(d)}.split({rng.choice([repr(','), repr('-')])})"]
        return self.pick(depth, leaves, branches)

    def show(self, indent):
        rng = self.rng
        target = rng.choice([f"field.{rng.choice(NUMBERS + TEXTS + DATES)}", "field.line_items", "field.item_code"])
        content = self.text(1)
        call = rng.choice(["show_error", "show_warning", "show_info", "automation_blocker"])
        return f"{indent}{call}({content}{rng.choice(['', ', ' + target, ', field=' + target])})"

    def block(self, indent, depth):
        rng, lines = self.rng, []
        for _ in range(rng.randrange(1, 4)):
            kind = rng.randrange(7 if depth > 0 else 3)
            name = rng.choice("abc")
            if kind == 0:
                lines.append(f"{indent}{name} = {self.any(2)}")
            elif kind == 1:
                lines.append(self.show(indent))
            elif kind == 2:
                lines.append(f"{indent}{self.any(3)}")
            elif kind == 3:
                lines.append(f"{indent}if {self.boolean(2)}:")
                lines += self.block(indent + "    ", depth - 1)
                if rng.random() < 0.5:
                    lines.append(f"{indent}{rng.choice(['else:', 'elif ' + self.boolean(1) + ':'])}")
                    lines += self.block(indent + "    ", depth - 1)
            elif kind == 4:
                lines.append(f"{indent}for row in field.line_items:")
                lines.append(f"{indent}    if {self.of_row(1)}:")
                lines.append(f"{indent}        show_info(f\"{{row._index}}: {{row.{rng.choice(NUMBER_COLUMNS + TEXT_COLUMNS)}}}\", row.{rng.choice(NUMBER_COLUMNS)})")
            elif kind == 5:
                lines.append(f"{indent}try:")
                lines.append(f"{indent}    {name} = {self.any(2)}")
                lines.append(f"{indent}except {rng.choice(['Exception', 'TypeError', '(ValueError, ZeroDivisionError)'])} as e:")
                lines.append(f"{indent}    {name} = str(e)")
                lines.append(f"{indent}{name}")
            else:
                lines.append(f"{indent}def f(x, y={self.number(0)}):")
                lines.append(f"{indent}    return x {rng.choice('+-*')} y")
                lines.append(f"{indent}f({self.number(1)}{rng.choice(['', ', ' + self.number(1), ', y=' + self.number(1)])})")
        return lines


PATTERNS = [r"\d+", r"[A-Z]", r"\s", r"^.", r"(\w)-", r"[^\w\d]", r"a|b", r"(?i)inv", r".$", r"\b\w"]


def value(rng, kind):
    if rng.random() < 0.25:
        return "", None
    if kind == "number":
        n = rng.choice([0, 1, 2, 10, 99.99, 0.1, 1121.29, -5, 1e6, 33.335, 100])
        return str(n), str(n)
    if kind == "date":
        text = f"20{rng.randrange(20, 26)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
        return text, text
    text = rng.choice(["INV-2024-0017", "ACME, s.r.o.", "a-b", "  x ", "Žluť", "12", "A-1", "eur", "<b>"])
    return text, text


def document(rng):
    payload = copy.deepcopy(PAYLOAD)
    kinds = {name: "number" for name in NUMBERS + NUMBER_COLUMNS} | {name: "date" for name in DATES + ["item_date"]}
    kinds |= {name: "text" for name in TEXTS + TEXT_COLUMNS}

    def walk(nodes):
        for node in nodes:
            if "children" in node:
                if node["schema_id"] == "line_items":
                    node["children"] = node["children"][: rng.randrange(5)]
                walk(node["children"])
            elif node["schema_id"] in kinds and rng.random() < 0.7:
                node["content"]["value"], node["content"]["normalized_value"] = value(rng, kinds[node["schema_id"]])

    walk(payload["annotation"]["content"])
    return payload


def main(seed, count):
    rng = random.Random(seed)
    for _ in range(count):
        payload = document(rng)
        table = next(n for s in payload["annotation"]["content"] for n in s["children"] if n["schema_id"] == "line_items")
        rows = len(table["children"])
        row = rng.randrange(rows) if rows and rng.random() < 0.3 else None
        writer = Writer(rng, row)
        # Names that nothing was assigned to would be refused when the code is loaded.
        code = "\n".join(["a = b = c = None", *writer.block("", 2), writer.any(3)])
        print(json.dumps({"code": code, "payload": payload, "row": row}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
