"""Makes cases for oracle.py: functions that write at random to random documents. `generate_functions.py SEED COUNT`."""

import json
import random
import re
import sys

import generate
from generate import BOOLEANS, DATES, NUMBER_COLUMNS, NUMBERS, TEXT_COLUMNS, TEXTS

HEAD = """from datetime import date, timedelta
import re
from txscript import TxScript, default_to, is_empty, is_set, substitute

def rossum_hook_request_handler(payload):
    t = TxScript.from_payload(payload)
    row = other = t.field.line_items
"""
COLUMNS = NUMBER_COLUMNS + TEXT_COLUMNS + ["item_date"]


class Writer:
    def __init__(self, rng):
        self.rng, self.inner = rng, generate.Writer(rng, None)

    def value(self, depth=1):
        code = self.rng.choice([self.inner.number, self.inner.text, self.inner.date, self.inner.boolean])(depth)
        return re.sub(r"\bfield\.", "t.field.", code)

    def simple(self):
        return self.rng.choice([self.value(0), "None", "''", "5", "'x'", "1.5", "date(2024, 1, 31)"])

    def index(self):
        return self.rng.choice(["0", "1", "2", "-1", "3", "9", "-2"])

    def slice(self):
        return self.rng.choice(["0:1", "1:3", ":2", "1:", "0:0", "2:9", ":"])

    def field(self):
        return "t.field." + self.rng.choice(NUMBERS + TEXTS + DATES + BOOLEANS)

    def cell(self):
        return f"t.field.line_items[{self.index()}].{self.rng.choice(COLUMNS)}"

    def row(self):
        rng = self.rng
        columns = rng.sample(COLUMNS, rng.randrange(0, 4))
        return rng.choice([
            "{" + ", ".join(f"'{c}': {self.simple()}" for c in columns) + "}",
            f"t.field.line_items[{self.index()}]",
            "row",
            "other",
        ])

    def rows(self):
        rng = self.rng
        return rng.choice([
            f"[r for r in t.field.line_items if r.{rng.choice(COLUMNS)} != {self.simple()}]",
            f"[{self.row()}, {self.row()}]",
            f"list(t.field.line_items)[{self.slice()}]",
            f"t.field.line_items[{self.slice()}]",
            "list(reversed(list(t.field.line_items)))",
            "[]",
            f"[r for r in t.field.line_items if r._index != {rng.randrange(4)}]",
        ])

    def texts(self):
        rng = self.rng
        return rng.choice([
            "[" + ", ".join(self.simple() for _ in range(rng.randrange(4))) + "]",
            "[x for x in t.field.order_id.all_values if not is_empty(x)]",
            "['PO2', 'PO1']",
            "t.field.item_code.all_values",
            "list(t.field.order_ids)[1:]",
        ])

    def statement(self):
        rng = self.rng
        values, table, list = "t.field.order_id.all_values", "t.field.line_items", "t.field.order_ids"
        options, sources = "t.field.currency.attr.options", f"{rng.choice([self.field(), self.cell()])}.attr.validation_sources"
        option = rng.choice(["{'label': 'L', 'value': 'v'}", "{'value': 5, 'label': 'F', 'struct': {'a': 1}}", f"{options}[0]", f"{options}[-1]"])
        return rng.choice([
            lambda: f"{self.field()} = {self.value()}",
            lambda: f"{self.field()} = {self.simple()}",
            lambda: f"{self.field()} += {self.simple()}",
            lambda: f"{self.cell()} = {self.value(0)}",
            lambda: f"{self.cell()} = {self.simple()}",
            lambda: f"{rng.choice(['row', 'other'])}.{rng.choice(COLUMNS)} = {self.simple()}",
            lambda: f"{rng.choice([self.field(), self.cell(), 'row', table, f'{table}[-1]'])}.attr.hidden = {rng.choice(['True', 'False'])}",
            lambda: f"{rng.choice([self.field(), self.cell()])}.attr.{rng.choice(['page', 'position', 'value', 'struct', 'label'])} = {rng.choice(['None', '1', repr('v')])}",
            lambda: f"row = {table}[{self.index()}]",
            lambda: f"other = {table}[{self.index()}]",
            lambda: f"{table}.append({self.row()})",
            lambda: f"{table}.insert({rng.randrange(4)}, {self.row()})",
            lambda: f"{table}.remove({rng.choice(['row', 'other', f'{table}[{self.index()}]'])})",
            lambda: f"other = {table}.pop({rng.choice(['', self.index()])})",
            lambda: f"{table}.reverse()",
            lambda: f"{table} = {self.rows()}",
            lambda: f"{table} += {self.rows()}",
            lambda: f"{table}[{self.index()}] = {self.row()}",
            lambda: f"{table}[{self.slice()}] = {self.rows()}",
            lambda: f"del {table}[{rng.choice([self.index(), self.slice()])}]",
            lambda: f"{table}[0], {table}[1] = {table}[1], {table}[0]",
            lambda: f"t.field.item_{rng.choice(['code', 'amount'])}.all_values = {rng.choice([self.texts(), 't.field.item_amount.all_values', 'default_to(t.field.item_total.all_values, 1) * 2'])}",
            lambda: f"t.field.item_code.all_values[{rng.choice([self.index(), self.slice()])}] = {rng.choice([self.simple(), self.texts()])}",
            lambda: f"{values} = {self.texts()}",
            lambda: f"{values}[{self.index()}] = {self.simple()}",
            lambda: f"{rng.choice([values, list])}.append({self.simple()})",
            lambda: f"{rng.choice([values, list])}.insert({rng.randrange(4)}, {self.simple()})",
            lambda: f"{rng.choice([values, list])}.remove({rng.choice([repr('PO1'), repr('x'), f'{list}[1]'])})",
            lambda: f"del {rng.choice([values, list])}[{rng.choice([self.index(), self.slice()])}]",
            lambda: f"{options}.append({option})",
            lambda: f"{options}.insert({rng.randrange(3)}, {option})",
            lambda: f"{options}.remove({option})",
            lambda: f"{options} = {rng.choice([f'[{option}, {option}]', f'{options}[:1]', '[]'])}",
            lambda: f"{options}[{self.index()}] = {option}",
            lambda: f"{options}[{self.index()}].{rng.choice(['label', 'value', 'struct'])} = {rng.choice(['1', repr('c')])}",
            lambda: f"del {options}[{self.index()}]",
            lambda: f"{sources}.append('connector')",
            lambda: f"{sources} += ['a']",
            lambda: f"{sources} = {rng.choice(['[]', repr(['human']), repr('x')])}",
            lambda: f"{sources}.remove('human')",
            lambda: f"for row in {table}:\n            row.{rng.choice(COLUMNS)} = {self.simple()}",
            lambda: f"for row in {table}:\n            if is_empty(row.{rng.choice(COLUMNS)}):\n                row.item_description = str(row._index)",
            lambda: f"t.show_error(str({self.value(0)}), {rng.choice([self.field(), self.cell(), table, 'row', f'{table}[-1]', 't.field.item_code'])})",
        ])()

    def look(self):
        rng = self.rng
        return rng.choice([
            "[(r._index, r.item_code, r.item_amount) for r in t.field.line_items]",
            f"list(t.field.{rng.choice(COLUMNS)}.all_values)",
            "list(t.field.order_ids)",
            f"row.{rng.choice(COLUMNS)}",
            f"row.attr.{rng.choice(['hidden', 'id'])}",
            f"t.field.line_items[-1].attr.{rng.choice(['hidden', 'id'])}",
            "other",
            self.field(),
            self.cell(),
            f"{self.field()}.attr.{rng.choice(['hidden', 'value', 'validation_sources', 'page', 'id'])}",
            f"{self.cell()}.attr.{rng.choice(['hidden', 'value', 'validation_sources', 'id'])}",
            "[(o.label, o.value, o.struct) for o in t.field.currency.attr.options]",
            f"t.field.line_items.index({rng.choice(['row', 'other', 't.field.line_items[1]'])})",
            "(len(t.field.line_items), len(t.field.order_ids), len(t.field.item_code.all_values))",
            "sum(default_to(t.field.item_amount.all_values, 0))",
        ])

    def function(self):
        code = HEAD
        for _ in range(self.rng.randrange(3, 12)):
            inner = self.statement() if self.rng.random() < 0.7 else f"t.show_info(repr({self.look()}))"
            code += f"    try:\n        {inner}\n    except Exception as e:\n        t.show_info(f'{{type(e).__name__}}: {{e}}')\n"
        return code + "    return t.hook_response()\n"


def main(seed, count):
    rng = random.Random(seed)
    for _ in range(count):
        print(json.dumps({"code": Writer(rng).function(), "payload": generate.document(rng), "row": None, "function": True}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
