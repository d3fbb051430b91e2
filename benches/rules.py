"""The same ten rules with the real package: CPU seconds a delivery and for the rules alone, as JSON."""

import contextlib
import io
import json
import sys
import time

from txscript import TxScript
from txscript.formula import Formula


def measure(work, least=1.0):
    work()
    count, start = 0, time.process_time()
    while time.process_time() - start < least:
        work()
        count += 1
    return (time.process_time() - start) / count


def evaluate(t, formulas):
    with t.field._readonly_context():
        for formula in formulas:
            try:
                formula._evaluate_formula(t)
            except Exception as e:
                t._message(type="error", content=str(e))


def main():
    job = json.load(sys.stdin)
    body = job["body"]
    formulas = [Formula("rule", code) for code in job["rules"]]

    def delivery():
        t = TxScript.from_payload(json.loads(body))
        evaluate(t, formulas)
        return json.dumps(t.hook_response())

    payload = json.loads(body)

    def rules():
        evaluate(TxScript.from_payload(payload), formulas)

    def building():
        TxScript.from_payload(payload)

    with contextlib.redirect_stdout(io.StringIO()):
        whole, with_building, building = measure(delivery), measure(rules), measure(building)
        messages = len(json.loads(delivery())["messages"])
    print(json.dumps({"delivery": whole, "rules": with_building - building, "messages": messages}))


main()
