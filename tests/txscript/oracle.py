"""Evaluates code over documents with the real package: one case a line in, one result a line out.

A case is {"code", "payload", "row"}: `row` is null, or the number of a row of `line_items`. Where it has `function`,
the code is that of a function, which is called with the payload.
"""

import contextlib
import io
import json
import sys
import traceback
import warnings

from txscript import TxScript
from txscript.eval import parse_formula_exception
from txscript.formula import Formula


warnings.simplefilter("ignore")  # of the code that is tried


def shown(message, with_type):
    entry = {"content": str(message["content"]), "id": message.get("id")}
    return {"type": message["type"], **entry} if with_type else entry


def as_field(value):
    from txscript import is_empty

    return str(value) if not is_empty(value) else ""


def evaluate(case):
    t = TxScript.from_payload(case["payload"])
    code = case["code"]
    result = {"value": None, "exception": None, "options": None, "struct": None}
    try:
        formula = Formula("eval", code)
        with t.field._readonly_context():
            if case["row"] is None:
                evaluated = formula.evaluate(t)
            else:
                with t.field.line_items[case["row"]]._row_formula_context(t) as row:
                    evaluated = formula.evaluate(row)
        value = evaluated.value
        result["options"], result["struct"] = evaluated.options, evaluated.struct
        result["value"] = {"repr": repr(value), "text": as_field(value)}
    except Exception as e:
        content, _, traceback = parse_formula_exception(code, e)
        result["exception"] = {"content": content, "traceback": traceback}
    result["messages"] = [shown(m, True) for m in t._messages]
    result["automation_blockers"] = [shown(b, False) for b in t._automation_blockers]
    return result


def call(case):
    code = case["code"]
    names = {}
    try:
        exec(compile(code, "<function>", "exec"), names)
        answer = names["rossum_hook_request_handler"](case["payload"])
        # As it goes to Rossum; the package's own lists of options and sources are sent as lists.
        return {"answer": json.loads(json.dumps(answer, default=list)), "exception": None}
    except Exception as e:
        frames = [f for f in traceback.extract_tb(e.__traceback__) if f.filename == "<function>"]
        lines = code.split("\n")
        shown = [{"lineno": f.lineno, "loc": f.name, "code": lines[f.lineno - 1].strip()} for f in frames]
        return {"answer": None, "exception": {"content": f"{type(e).__name__}: {e}", "traceback": shown}}


for line in sys.stdin:
    case = json.loads(line)
    with contextlib.redirect_stdout(io.StringIO()):
        result = call(case) if case.get("function") else evaluate(case)
    print(json.dumps(result))
