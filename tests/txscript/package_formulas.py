"""Makes cases for oracle.py from the formulas of the package's own tests, read where its wheel is installed."""

import ast
import importlib.util
import json
import pathlib

NUMBER, TEXT, DATE, BOOLEAN = "number", "string", "date", "boolean"
HEADER = {"str": TEXT, "str2": TEXT, "number": NUMBER, "number2": NUMBER, "date": DATE, "date2": DATE, "bool_true": BOOLEAN}
ROW = {"item_str": TEXT, "item_str2": TEXT, "item_number": NUMBER, "item_number2": NUMBER, "item_formula_str": TEXT}


def schema():
    def datapoints(kinds):
        return [{"category": "datapoint", "id": id, "label": id, "type": kind} for id, kind in kinds.items()]

    rows = {"category": "tuple", "id": "line_item", "label": "Line", "children": datapoints(ROW)}
    table = {"category": "multivalue", "id": "line_items", "label": "Lines", "children": rows}
    return [
        {"category": "section", "id": "header", "label": "Header", "children": datapoints(HEADER)},
        {"category": "section", "id": "lines", "label": "Lines", "children": [table]},
    ]


def payload(values):
    count = iter(range(1, 10_000))

    def datapoint(id, value):
        text = "" if value is None else str(value)
        content = {"value": text, "normalized_value": text or None}
        return {"id": next(count), "schema_id": id, "category": "datapoint", "content": content}

    header = [datapoint(id, values.get(id)) for id in HEADER]
    rows = [
        {"id": next(count), "schema_id": "line_item", "category": "tuple", "children": [datapoint(id, row.get(id)) for id in ROW]}
        for row in values.get("line_items", [])
    ]
    table = {"id": next(count), "schema_id": "line_items", "category": "multivalue", "children": rows}
    content = [
        {"id": next(count), "schema_id": "header", "category": "section", "children": header},
        {"id": next(count), "schema_id": "lines", "category": "section", "children": [table]},
    ]
    return {
        "event": "annotation_content",
        "annotation": {"id": 1, "content": content},
        "document": {},
        "schemas": [{"content": schema()}],
    }


def parameters(function):
    """The decorator's names with their lists, as far as they are written out."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and len(decorator.args) == 2:
            names, values = decorator.args
            yield names, values.elts


package = pathlib.Path(importlib.util.find_spec("txscript").origin).parent.parent
tree = ast.parse((package / "tests" / "test_txscript_formulas.py").read_text())
for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
    found = list(parameters(function))
    codes = [code.value for names, values in found if isinstance(names, ast.Constant) for code in values]
    documents = [ast.literal_eval(pair.elts[0]) for names, values in found if isinstance(names, ast.Tuple) for pair in values]
    by_row = "exec_test_row_formula" in ast.dump(function)
    for code in codes:
        for values in documents:
            rows = range(len(values.get("line_items", []))) if by_row else [None]
            for row in rows:
                print(json.dumps({"code": code, "payload": payload(values), "row": row}))
