# Bodies of functions, each with `t` made of the payload and `return t.hook_response()` behind it.
t.field.document_id = "X"
t.field.amount_total = 5
t.field.amount_tax = t.field.amount_total
t.field.amount_due = None
t.field.date_issue = date(2024, 2, 29)
t.field.is_paid = False
t.field.note = t.field.document_id + "!"
# ---
t.field.document_id = t.field.document_id
t.field.amount_total = 1121.29
t.field.amount_total = "1121.29"
t.field.empty_text = ""
t.field.amount_empty = None
t.field.amount_odd = None
t.field.is_unknown = None
# ---
x = t.field.document_id
t.field.document_id = "new"
t.show_info(x + t.field.document_id + str(x.attr.value) + x.attr.normalized_value)
t.field.document_id = "INV-2024-0017"
# ---
t.field.amount_total = t.field.amount_total + 1
t.field.amount_total += 1
t.show_info(repr(t.field.amount_total))
t.field.amount_total -= t.field.amount_tax
t.field.date_due = t.field.date_issue + timedelta(days=30)
t.show_info(repr(t.field.date_due) + str(t.field.date_due))
# ---
t.field.amount_total = "not a number"
t.show_info(repr(t.field.amount_total), t.field.amount_total)
t.field.date_issue = "31.12.2024"
t.show_info(repr(t.field.date_issue) + t.field.date_issue.attr.value)
t.field.is_open = True
t.show_warning(repr(t.field.is_open))
# ---
t.field.item_amount = 1
# ---
t.field.basic_info = 1
# ---
t.field.order_ids = ["a"]
# ---
t.field.document_id.nothing = 1
# ---
t.field.document_id.label = 1
# ---
t.field.amount_total.label = 1
# ---
t.field.amount_empty.hidden = True
# ---
t.field.amount_total.attr.nothing = 1
# ---
t.field.amount_total.attr.rir_confidence = 1
# ---
t.field.amount_total.attr.hidden = True
t.field.amount_total.attr.page = t.field.amount_total.attr.position = None
t.field.amount_tax.attr.page = 2
t.field.amount_tax.attr.position = [1, 2, 3, 4]
t.show_info(repr([t.field.amount_total.attr.hidden, t.field.amount_tax.attr.page, t.field.amount_due.attr.hidden]))
t.field.amount_total.attr.hidden = False
# ---
t.field.amount_total.attr.value = "12"
t.show_info(repr(t.field.amount_total) + t.field.amount_total.attr.value)
t.field.amount_total = 12
t.show_info(repr(t.field.amount_total))
# ---
t.field.document_id.attr.validation_sources = ["connector"]
t.field.sender_name.attr.validation_sources.append("connector")
t.field.note.attr.validation_sources += ["a", "b"]
t.field.note.attr.validation_sources.remove("a")
t.field.note.attr.validation_sources.insert(0, "first")
t.field.note.attr.validation_sources[1] = "second"
t.field.date_issue.attr.validation_sources.extend(("x", "y"))
del t.field.date_issue.attr.validation_sources[0]
t.show_info(repr([t.field.note.attr.validation_sources, len(t.field.date_issue.attr.validation_sources)]))
t.show_info(repr("x" in t.field.date_issue.attr.validation_sources))
t.show_info(repr(t.field.note.attr.validation_sources[:1]))
# ---
t.field.note.attr.validation_sources = "human"
# ---
t.field.note.attr.validation_sources = ("human",)
# ---
t.field.note.attr.validation_sources.remove("nobody")
# ---
o = t.field.currency.attr.options
t.show_info(repr([o, len(o), o[0], [(x.label, x.value, x.struct) for x in o]]))
o[0].label = "Euro!"
t.show_info(t.field.currency.attr.options[0].label)
# ---
t.field.currency.attr.options[1] = t.field.currency.attr.options[0]
t.field.currency.attr.options[1].label = "copied"
t.show_info(repr(t.field.currency.attr.options))
# ---
t.field.currency.attr.options = [{"label": "A", "value": 1}, {"value": "b", "label": "B", "struct": {"x": 1}}]
t.field.currency = "b"
t.show_info(repr([(o.label, o.value, o.struct) for o in t.field.currency.attr.options]))
# ---
t.field.currency.attr.options.append({"label": "A", "value": "a"})
t.field.currency.attr.options.append(t.field.currency.attr.options[0])
t.field.currency.attr.options.insert(0, {"label": "Z", "value": "z"})
t.field.currency.attr.options.remove(t.field.currency.attr.options[1])
t.field.currency.attr.options += [{"label": "Q", "value": "q"}]
del t.field.currency.attr.options[0]
t.field.currency.attr.options = t.field.currency.attr.options[:2]
# ---
t.field.currency.attr.options.append({"label": "A"})
# ---
t.field.priority.attr.options[0].value = 7
t.show_info(repr([o.value for o in t.field.priority.attr.options]))
t.field.priority.attr.options[0].colour = "red"
# ---
t.field.line_items[0].item_amount = 3
t.field.line_items[0].item_total = t.field.line_items[0].item_quantity * t.field.line_items[0].item_amount
for row in t.field.line_items:
    if is_empty(row.item_total):
        row.item_description = f"row {row._index}"
t.show_info(repr(t.field.line_items[2]), t.field.line_items[2].item_description)
t.show_info(repr(sum(default_to(t.field.item_amount.all_values, 0))))
# ---
t.field.line_items[0].item_date = t.field.date_issue
t.field.line_items[1].item_amount.attr.hidden = True
t.field.line_items[1].attr.hidden = True
t.field.line_items.attr.hidden = True
t.field.item_amount.attr.hidden = True
# ---
t.field.line_items[0].nothing = 1
# ---
t.field.line_items[0].attr.nothing = 1
# ---
t.field.line_items[0].amount_total = 1
# ---
t.field.line_items.append({"item_code": "N", "item_quantity": 3, "item_date": date(2024, 1, 1)})
t.show_info(repr([len(t.field.line_items), t.field.line_items[-1]._index, t.field.item_code.all_values[4], t.field.line_items[-1].item_amount]))
t.field.line_items[-1].item_amount = 2
t.field.line_items[-1].item_code.attr.hidden = True
t.show_error("new", t.field.line_items[-1].item_code)
t.show_error("new row", t.field.line_items[-1])
# ---
t.field.line_items.append(t.field.line_items[0])
t.field.line_items[0].item_code = "changed"
t.show_info(repr([row.item_code for row in t.field.line_items]))
t.field.line_items.append({})
# ---
t.field.line_items.append({"nothing": 1})
# ---
t.field.line_items.append(5)
# ---
t.field.line_items.append(t.field.tax_details[0])
# ---
del t.field.line_items[1]
t.show_info(repr([(row._index, row.item_code) for row in t.field.line_items]))
t.field.line_items[1].item_amount = 9
del t.field.line_items[0:2]
t.show_info(repr([(row._index, row.item_code) for row in t.field.line_items]))
# ---
del t.field.line_items[-1]
t.show_info(repr(len(t.field.line_items)))
# ---
row = t.field.line_items[2]
del t.field.line_items[0]
t.show_info(repr([row._index, row.item_code, len(t.field.item_code.all_values)]))
row.item_code = "moved"
t.show_info(repr(list(t.field.item_code.all_values)))
# ---
t.field.line_items = [row for row in t.field.line_items if row.item_code == "A-1"]
t.show_info(repr([(row._index, row.item_code) for row in t.field.line_items]))
# ---
t.field.line_items = sorted(t.field.line_items, key=lambda row: row.item_code, reverse=True)
t.show_info(repr([(row._index, row.item_code) for row in t.field.line_items]))
# ---
t.field.line_items = []
t.show_info(repr([len(t.field.line_items), list(t.field.item_code.all_values)]))
t.field.line_items.append({"item_code": "only"})
# ---
t.field.line_items = [{"item_code": "a", "item_amount": 1}, {"item_code": "b"}]
t.show_info(repr([(row._index, row.item_code, row.item_amount) for row in t.field.line_items]))
# ---
t.field.no_rows = [{"no_cell": 1}, {"no_cell": 2}]
t.field.no_rows[0].no_cell = 10
t.show_info(repr([row.no_cell for row in t.field.no_rows]))
del t.field.no_rows[0]
# ---
t.field.line_items = 5
# ---
t.field.line_items = [{"other": 1}]
# ---
t.field.line_items[0], t.field.line_items[1] = t.field.line_items[1], t.field.line_items[0]
t.show_info(repr([(row._index, row.item_code, row.item_amount) for row in t.field.line_items]))
# ---
old = t.field.line_items[0]
t.field.line_items[0] = {"item_code": "zero"}
t.show_info(repr([old.item_code, t.field.line_items[0].item_code, old._index]))
t.field.line_items[1] = t.field.line_items[3]
t.show_info(repr([row.item_code for row in t.field.line_items]))
# ---
t.field.line_items[9] = {}
# ---
t.field.line_items[0:2] = [t.field.line_items[1], t.field.line_items[0]]
t.show_info(repr([row.item_code for row in t.field.line_items]))
# ---
t.field.line_items += [{"item_code": "x"}, {"item_code": "y"}]
t.field.line_items.insert(0, {"item_code": "first"})
t.show_info(repr([row.item_code for row in t.field.line_items]))
# ---
t.field.line_items.remove(t.field.line_items[1])
t.show_info(repr(t.field.line_items.index(t.field.line_items[1])))
t.field.line_items.reverse()
t.show_info(repr([row.item_code for row in t.field.line_items]))
# ---
last = t.field.line_items.pop(0)
t.show_info(repr([row.item_code for row in t.field.line_items]))
# ---
t.field.item_code.all_values = ["a", "b", "c", "d"]
t.show_info(repr([row.item_code for row in t.field.line_items]))
t.field.item_code.all_values[1] = "bb"
t.field.item_code.all_values[1:3] = ["x", "y"]
t.field.item_amount.all_values = default_to(t.field.item_amount.all_values, 0) * 2
# ---
t.field.item_code.all_values = ["a", "b", "c", "d", "e"]
# ---
t.field.item_code.all_values.append("e")
# ---
t.field.item_code.all_values.remove("A-1")
# ---
t.field.item_code.all_values = 5
# ---
t.field.item_code[0] = 5
# ---
t.field.order_id.all_values = ["x", "PO1", "PO2", "z"]
t.show_info(repr(list(t.field.order_id.all_values)))
t.field.order_id.all_values.append(t.field.document_id)
t.field.order_ids.append("last")
t.field.order_ids[0] = "first"
t.show_info(repr(list(t.field.order_ids)))
# ---
t.field.order_ids.all_values = ["PO2"]
t.field.order_ids.remove("PO2")
t.show_info(repr(list(t.field.order_ids.all_values)))
# ---
t.field.order_id.all_values = [x for x in t.field.order_id.all_values if not is_empty(x)]
t.field.order_id.all_values.insert(1, "between")
t.field.order_id.all_values[0] = ""
# ---
t.field.order_id.all_values += ["a"]
# ---
t.field.line_items.all_values = []
# ---
t.field.order_id.all_values = ["a", "b"]
t.field.order_id.attr.hidden = True
# ---
c = t.field.line_items[1].item_code
t.show_info(repr([c.parent.item_amount, c.parent_multivalue[0].item_code, t.field.order_ids[0].parent == t.field.order_ids]))
t.show_info(repr(t.field.item_code.all_values.index(c)))
t.show_info(repr(t.field.item_code.all_values.index("C-3")))
# ---
t.field.line_items[0].item_code = "A"
t.field.line_items[0].item_code = "A-1"
t.field.line_items[1].item_code = ""
t.field.line_items[2].item_amount = 0
# ---
t.automation_blocker("all")
t.automation_blocker("one", t.field.amount_total)
t.show_error("a column", t.field.item_code)
t.show_warning("a table", t.field.line_items)
t.show_info("5", field=t.field.line_items[0].item_code)
# ---
t.nothing
# ---
try:
    t.field.line_items[0].nothing = 1
except AttributeError as error:
    t.show_error(str(error))
t.field.note = "still"
# ---
def double(row):
    row.item_total = row.item_total * 2
for row in t.field.line_items:
    double(row)
# ---
t.field.note = json.dumps({"rows": [row for row in t.field.line_items][:1], "date": t.field.date_issue})
# ---
return {"messages": [{"type": "info", "content": "own"}], "operations": []}
# ---
return None
# ---
response = t.hook_response()
t.field.note = "later"
response["messages"].append({"type": "info", "content": "own", "id": t.field.note.attr.id})
return response
# ---
import re
def rossum_hook_request_handler(payload):
    content = payload["annotation"]["content"]
    def walk(nodes):
        for node in nodes:
            if node["category"] == "datapoint" and node["schema_id"].startswith("amount"):
                yield_list.append((node["id"], node["content"]["value"]))
            walk(node.get("children") or [])
    yield_list = []
    walk(content)
    operations = [{"op": "replace", "id": id, "value": {"content": {"value": re.sub(r"\D", "", value or "")}}} for id, value in yield_list]
    return {"messages": [{"type": "info", "content": payload["event"] + "." + payload["action"]}], "operations": operations, "automation_blockers": [{"content": str(sorted(payload))}]}
# ---
from txscript import TxScript

def rossum_hook_request_handler(payload):
    t = TxScript.from_payload(payload)
    t.show_info(str(list(payload["annotation"]["content"][0])))
    return t.hook_response()
# ---
def helper(payload):
    return {"messages": []}
def rossum_hook_request_handler(payload):
    raise ValueError("told")
# ---
t.show_info(repr([t.annotation is None, t.context.document, t.updated_datapoint_ids]))
# ---
t.field.line_items.append({"item_code": "N"})
row = t.field.line_items[-1]
row.attr.hidden = True
t.show_error("new", row)
t.show_info(repr([row.attr.hidden, row.attr.id, row.item_code.attr.id]))
row.item_code.attr.options.append({"label": "L", "value": "v"})
