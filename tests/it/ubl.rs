//! `shape = "ubl"`: what is written is valid by the schemas of UBL 2.1, and what cannot be written is refused with the names of
//! all fields that are wrong.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::exports::{deliver, messages};
use crate::support::{Annex, Erp, UblSchemas, annex_command, write};

/// A document in Rossum: its header, its lines and its tax details.
#[derive(Clone)]
struct Document {
    header: BTreeMap<String, String>,
    lines: Vec<BTreeMap<String, String>>,
    details: Vec<BTreeMap<String, String>>,
}

fn row(cells: &[(&str, &str)]) -> BTreeMap<String, String> {
    cells.iter().map(|(id, value)| ((*id).to_owned(), (*value).to_owned())).collect()
}

fn invoice() -> Document {
    Document {
        header: row(&[
            ("document_id", "INV-1"),
            ("document_type", "tax_invoice"),
            ("date_issue", "2026-11-05"),
            ("date_due", "2026-11-20"),
            ("currency", "eur"),
            ("order_id", "PO-7"),
            ("notes", "Thank you & goodbye"),
            ("sender_name", "Bolts <Ltd>"),
            ("sender_address", "Long Street 1\nLondon"),
            ("sender_vat_id", "GB123456789"),
            ("sender_ic", "123"),
            ("recipient_name", "Acme"),
            ("iban", "CZ6508000000192000145399"),
            ("var_sym", "2026001"),
            ("amount_total_base", "200.00"),
            ("amount_total_tax", "33.00"),
            ("amount_total", "233.00"),
            ("amount_due", "233.00"),
        ]),
        lines: vec![
            row(&[
                ("item_description", "bolts; \"M8\""),
                ("item_code", "B-8"),
                ("item_quantity", "2"),
                ("item_uom", "pcs"),
                ("item_amount_base", "50"),
                ("item_total_base", "100.00"),
                ("item_rate", "21"),
            ]),
            row(&[("item_description", "books"), ("item_total_base", "100.00"), ("item_rate", "12")]),
        ],
        details: vec![
            row(&[("tax_detail_rate", "21"), ("tax_detail_base", "100.00"), ("tax_detail_tax", "21.00")]),
            row(&[("tax_detail_rate", "12"), ("tax_detail_base", "100.00"), ("tax_detail_tax", "12.00")]),
        ],
    }
}

impl Document {
    /// `date_issue=`, `1.item_rate=21 %` (of a line), `t1.tax_detail_tax=1`, `-iban` (no such field), `lines` and `details` (none).
    fn with(&self, changes: &str) -> Self {
        let mut new = self.clone();
        for change in changes.split('|').map(str::trim).filter(|change| !change.is_empty()) {
            match change {
                "lines" => new.lines.clear(),
                "details" => new.details.clear(),
                _ => {
                    let (path, value) = change.split_once('=').unwrap_or((change, ""));
                    let (is_removed, path) =
                        path.strip_prefix('-').map_or((false, path), |path| (true, path));
                    let (cells, id) = match path.split_once('.') {
                        None => (&mut new.header, path),
                        Some((at, id)) => {
                            let (rows, at) = match at.strip_prefix('t') {
                                Some(at) => (&mut new.details, at),
                                None => (&mut new.lines, at),
                            };
                            let at: usize = at.parse().unwrap();
                            rows.resize(rows.len().max(at), BTreeMap::new());
                            (&mut rows[at - 1], id)
                        }
                    };
                    if is_removed {
                        assert!(cells.remove(id).is_some(), "{change}");
                    } else {
                        cells.insert(id.to_owned(), value.to_owned());
                    }
                }
            }
        }
        new
    }

    fn delivery(&self, number: usize) -> Value {
        let mut id = 1_000;
        let mut datapoint = |schema_id: &str, value: &str| {
            id += 1;
            json!({"id": id, "schema_id": schema_id, "category": "datapoint", "content": {"value": value}})
        };
        let mut cells = |cells: &BTreeMap<String, String>| -> Vec<Value> {
            let mut cell = |(id, value): (&String, &String)| match value.split_once(";;") {
                None => datapoint(id, value),
                // A list of two.
                Some((first, second)) => {
                    let children = [first, second].map(|value| datapoint("one", value));
                    let mut list = datapoint(id, "");
                    list["category"] = "multivalue".into();
                    list["children"] = json!(children);
                    list
                }
            };
            cells.iter().map(&mut cell).collect()
        };
        let header = cells(&self.header);
        let mut table = |name: &str, at: u64, rows: &[BTreeMap<String, String>]| {
            let rows: Vec<Value> = rows
                .iter()
                .enumerate()
                .map(|(row, all)| {
                    json!({"id": at + 1 + u64::try_from(row).unwrap(), "schema_id": format!("{name}_row"), "category": "tuple",
                        "children": cells(all)})
                })
                .collect();
            json!({"id": at, "schema_id": name, "category": "multivalue", "children": rows})
        };
        let tables =
            [table("line_items", 100_000, &self.lines), table("tax_details", 200_000, &self.details)];
        json!({"request_id": format!("r-{number}"), "event": "annotation_content", "action": "export",
            "annotation": {"id": number, "content": [
                {"id": 10, "schema_id": "header", "category": "section", "children": header},
                {"id": 20, "schema_id": "tables", "category": "section", "children": tables}]}})
    }
}

const STEP: &str = "[[hook.step]]\nuse = \"export\"\ntarget = \"files\"\npath = \"{{ annotation_id }}.xml\"\nshape = \"ubl\"\n";

fn server(keys: &str) -> Annex {
    let step = format!("{STEP}{keys}\n");
    Annex::dev_with(&format!(
        "[server]\nstate = \"state\"\n[[target]]\nname = \"files\"\nfolder = \"out\"\n\
         [[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n{step}"
    ))
}

/// What became of a document: the file with the warnings, or why there is none.
type Outcome = Result<(String, Vec<String>), String>;

fn export(annex: &Annex, number: usize, document: &Document) -> Outcome {
    let said = messages(&deliver(annex, &document.delivery(number)));
    let file = annex.folder().join(format!("out/{number}.xml"));
    if let Some((_, text)) = said.iter().find(|(kind, _)| kind == "error") {
        assert!(!file.exists(), "{text}");
        assert_eq!(said.len(), 1, "all of it at once: {said:?}");
        return Err(text.clone());
    }
    Ok((std::fs::read_to_string(&file).unwrap(), said.into_iter().map(|(_, text)| text).collect()))
}

enum Expected {
    /// The file has these texts.
    Made(&'static [&'static str]),
    /// The message has these texts.
    Refused(&'static [&'static str]),
}
use Expected::{Made, Refused};

const NET_FROM_GROSS: &str = "-1.item_total_base | -1.item_amount_base | 1.item_amount_total=121.00";

const ALL_WORDS: &str = "fields = { supplier_country = \"a\", customer_country = \"b\", buyer_reference = \"c\", preceding_invoice = \"d\", \
    allowance = \"e\", charge = \"f\", allowance_reason = \"g\", charge_reason = \"h\", tax_category = \"i\", exemption_reason = \"j\", \
    customization_id = \"k\", profile_id = \"l\", line_tax_category = \"m\", line_order = \"n\", line_note = \"o\" }";

const ALL_WORDS_OF_CREDIT_NOTES: &str = "document = \"credit_note\"\nfields = { supplier_country = \"a\", customer_country = \"b\", buyer_reference = \"c\", \
    preceding_invoice = \"d\", allowance = \"e\", charge = \"f\", allowance_reason = \"g\", charge_reason = \"h\", tax_category = \"i\", \
    exemption_reason = \"j\", customization_id = \"k\", profile_id = \"l\", line_tax_category = \"m\", line_order = \"n\", line_note = \"o\" }";

const ALL_FIELDS: &str = "a=de | b=CZ | c=R | d=OLD-1 | e=20 | f=20 | g=early | h=freight | i=AE | j=why | k=urn:x | l=urn:y | 1.n=10 | 1.o=by hand | \
    1.m=S | 3.item_description=advice | 3.item_total_base=50 | 3.item_rate=0 | 4.item_description=rent | 4.item_total_base=50 | 4.item_rate=0 | 4.m=E | \
    amount_total_base=300 | amount_total=333 | amount_due=133.5 | amount_paid=200 | amount_rounding=0.50 | bic=GIBACZPX | date_uzp=2026-11-04 | \
    recipient_address=Long 1 | recipient_vat_id=CZ1 | recipient_ic=1 | t3.tax_detail_rate=0 | t3.tax_detail_base=100 | t3.tax_detail_total=100";

/// Keys of the step, what is changed in the document, what becomes of it.
const VARIANTS: &[(&str, &str, Expected)] = &[
    (
        "",
        "",
        Made(&[
            "<cbc:InvoiceTypeCode>380<",
            "currencyID=\"EUR\">233.00</cbc:PayableAmount>",
            "unitCode=\"H87\">2<",
        ]),
    ),
    // What is missing.
    ("", "currency=", Refused(&["Currency (`currency`) is empty: UBL needs a currency for every amount."])),
    ("", "-currency", Refused(&["Currency (`currency`) is not in this document: UBL needs"])),
    ("values = { currency = \"EUR\" }", "currency=", Made(&["<cbc:DocumentCurrencyCode>EUR<"])),
    ("", "date_issue=", Refused(&["Issue date (`date_issue`) is empty: UBL needs an issue date."])),
    ("", "lines", Refused(&["Line items (`line_items`) has no rows: UBL needs at least one line."])),
    ("", "sender_name= ", Refused(&["Supplier name (`sender_name`) is empty: UBL needs a supplier."])),
    ("", "recipient_name=", Refused(&["Customer name (`recipient_name`) is empty: UBL needs a customer."])),
    ("values = { customer_name = \"We\" }", "-recipient_name", Made(&["<cbc:Name>We<"])),
    (
        "",
        "document_id=",
        Refused(&["Document number (`document_id`) is empty: UBL needs a document number."]),
    ),
    (
        "",
        "amount_total= | amount_total_tax= | amount_total_base= | amount_due=",
        Refused(&["Total amount (`amount_total`) is empty: UBL needs the amount to pay."]),
    ),
    (
        "",
        "amount_total= | amount_due=",
        Made(&["233.00</cbc:TaxInclusiveAmount>", "233.00</cbc:PayableAmount>"]),
    ),
    ("", "amount_total_tax=", Made(&["33.00</cbc:TaxAmount>"])),
    ("", "amount_total_base=", Made(&["200.00</cbc:TaxExclusiveAmount>"])),
    ("", "amount_total_base= | amount_total_tax=", Made(&["33.00</cbc:TaxAmount>"])),
    (
        "",
        "2.item_total_base=",
        Refused(&[
            "Line 2: Total without tax (`item_total_base`) is empty: UBL needs the amount without tax",
        ]),
    ),
    (
        "",
        "3.item_description=freight",
        Refused(&["Line 3: Total without tax (`item_total_base`) is not in this document"]),
    ),
    ("", "3.item_description= ", Made(&[])), // a row without anything
    (
        "",
        "1.item_description= | 1.item_code=",
        Refused(&["Line 1: Description (`item_description`) is empty"]),
    ),
    ("", "1.item_description=", Made(&["<cbc:Name>B-8<"])),
    (
        "",
        "currency= | date_issue= | sender_name= | 1.item_rate=high | 2.item_rate=high",
        Refused(&[
            "`currency`",
            "`date_issue`",
            "`sender_name`",
            "Lines 1 and 2: Tax rate (`item_rate`) is `high`",
        ]),
    ),
    // What is written otherwise.
    ("", "1.item_rate=21 %", Made(&["<cbc:Percent>21</cbc:Percent>"])),
    ("", "1.item_rate=21,00", Made(&["<cbc:Percent>21</cbc:Percent>"])),
    (
        "",
        "1.item_rate=0.21",
        Refused(&["Line 1: Tax rate (`item_rate`) is `0.21`: this can be 21 % or 0.21 %"]),
    ),
    (
        "",
        "1.item_rate=exempt",
        Refused(&["Tax rate (`item_rate`) is `exempt`: this is not a tax rate: write the percentage"]),
    ),
    ("", "date_issue=5.11.2026", Made(&["<cbc:IssueDate>2026-11-05<"])),
    (
        "",
        "date_issue=5/11/2026",
        Refused(&["Issue date (`date_issue`) is `5/11/2026`: this can be 2026-11-05 or 2026-05-11"]),
    ),
    (
        "",
        "date_due=soon",
        Refused(&["Due date (`date_due`) is `soon`: this is not a date: write it as 2026-11-05"]),
    ),
    ("", "amount_total=233,00 EUR", Made(&["233.00</cbc:PayableAmount>"])),
    ("", "amount_total=€ 233.00", Made(&[])),
    (
        "",
        "amount_total=233.00 USD",
        Refused(&["Total amount (`amount_total`) is `233.00 USD`: this is another currency than EUR"]),
    ),
    ("", "amount_total=1.233", Refused(&["(`amount_total`) is `1.233`: this can be 1233 or 1.233"])),
    ("", "amount_total=233.005", Refused(&["(`amount_total`) is `233.005`"])),
    (
        "",
        "1.item_quantity=two",
        Refused(&["Line 1: Quantity (`item_quantity`) is `two`: this is not a number"]),
    ),
    ("", "1.item_quantity=2,0", Made(&["unitCode=\"H87\">2<"])),
    ("", "1.item_total_base=12 34", Refused(&["(`item_total_base`) is `12 34`: this is not an amount"])),
    ("", "currency=Kč", Made(&["currencyID=\"CZK\""])),
    ("", "currency=$", Refused(&["Currency (`currency`) is `$`: several currencies have this sign"])),
    ("", "currency=EURO", Refused(&["Currency (`currency`) is `EURO`: this is not a currency of ISO 4217"])),
    ("", "1.item_uom=krabice", Made(&["<cbc:Note>Unit: krabice<", "unitCode=\"C62\">2<"])),
    ("units = { krabice = \"XBX\" }", "1.item_uom=Krabice", Made(&["unitCode=\"XBX\">2<"])),
    (
        "fields = { supplier_country = \"sender_country\" }",
        "sender_country=uk",
        Made(&["<cbc:IdentificationCode>GB<"]),
    ),
    (
        "fields = { supplier_country = \"sender_country\" }",
        "sender_country=England",
        Refused(&["Supplier country (`sender_country`) is `England`: this is not a country of ISO 3166-1"]),
    ),
    // Kinds of documents.
    (
        "",
        "document_type=Credit note",
        Made(&[
            "<CreditNote ",
            "<cbc:CreditNoteTypeCode>381<",
            "<cac:CreditNoteLine>",
            "unitCode=\"H87\">2</cbc:CreditedQuantity>",
        ]),
    ),
    (
        "",
        "document_type=credit_note | amount_total=-233 | amount_total_base=-200 | amount_total_tax=-33 | amount_due=-233 | \
         1.item_total_base=-100 | 1.item_quantity=-2 | 2.item_total_base=-100 | t1.tax_detail_base=-100 | t1.tax_detail_tax=-21 | \
         t2.tax_detail_base=-100 | t2.tax_detail_tax=-12",
        Made(&["<cbc:CreditNoteTypeCode>381<", ">233.00</cbc:PayableAmount>", ">2</cbc:CreditedQuantity>"]),
    ),
    ("document = \"credit_note\"", "-document_type", Made(&["<cbc:CreditNoteTypeCode>381<"])),
    (
        "",
        "amount_total=-233 | amount_total_base=-200 | amount_total_tax=-33 | amount_due=-233 | 1.item_total_base=-100 | \
         2.item_total_base=-100 | details",
        Refused(&[
            "Total amount (`amount_total`) is -233.00, below zero, and Document type (`document_type`) is `tax_invoice`",
        ]),
    ),
    (
        "",
        "document_type=delivery_note",
        Refused(&["Document type (`document_type`) is `delivery_note`: UBL has invoices and credit notes"]),
    ),
    (
        "document_types = { receipt = \"invoice\" }",
        "document_type=Receipt",
        Made(&["<cbc:InvoiceTypeCode>380<"]),
    ),
    ("", "document_type=debit_note", Made(&["<cbc:InvoiceTypeCode>383<"])),
    // Amounts with tax.
    ("", NET_FROM_GROSS, Made(&["100.00</cbc:LineExtensionAmount>"])),
    (
        "",
        "-1.item_total_base | -1.item_amount_base | 1.item_amount_total=121.00 | 1.item_rate= | details",
        Refused(&[
            "Line 1: Total without tax (`item_total_base`) is not in this document, and Total with tax (`item_amount_total`) alone \
                   does not give it: fill Tax rate (`item_rate`) too",
        ]),
    ),
    ("", "-1.item_total_base", Made(&["200.00</cbc:LineExtensionAmount>"])), // quantity and price
    (
        "",
        "1.item_total_base=121.00 | 2.item_total_base=112.00",
        Refused(&[
            "The lines add up to 233.00, and Total without tax (`amount_total_base`) is 200.00, which is 33.00 apart",
        ]),
    ),
    // What does not add up.
    (
        "",
        "amount_total=234.00 | amount_due=",
        Refused(&[
            "Total without tax (`amount_total_base`) and Total tax (`amount_total_tax`) add up to 233.00, and Total amount \
                   (`amount_total`) is 234.00, which is 1.00 apart",
        ]),
    ),
    (
        "",
        "amount_total=233.01 | amount_due=",
        Made(&["0.01</cbc:PayableRoundingAmount>", "233.01</cbc:PayableAmount>"]),
    ),
    ("tolerance = \"0\"", "amount_total=233.01 | amount_due=", Refused(&["0.01 apart"])),
    ("mismatch = \"warn\"", "amount_total=234.00 | amount_due=", Made(&["234.00</cbc:TaxInclusiveAmount>"])),
    (
        "",
        "amount_due=33",
        Refused(&["Amount due (`amount_due`) is 33.00, and Total amount (`amount_total`) less Amount paid"]),
    ),
    (
        "",
        "amount_due=33 | amount_paid=200",
        Made(&["200.00</cbc:PrepaidAmount>", "33.00</cbc:PayableAmount>"]),
    ),
    ("", "amount_due=233.40 | amount_rounding=0.40", Made(&["0.40</cbc:PayableRoundingAmount>"])),
    (
        "fields = { allowance = \"discount\" }",
        "discount=10 | amount_total_base=190 | amount_total_tax=30.9 | amount_total=220.9 | amount_due= | t1.tax_detail_base=90 | \
         t1.tax_detail_tax=18.9",
        Made(&[
            "<cbc:ChargeIndicator>false<",
            "10.00</cbc:Amount>\n    <cac:TaxCategory>\n      <cbc:ID>S</cbc:ID>\n      <cbc:Percent>21<",
            "10.00</cbc:AllowanceTotalAmount>",
            "190.00</cbc:TaxExclusiveAmount>",
        ]),
    ),
    (
        "fields = { charge = \"freight\" }",
        "freight=10 | amount_total_base=210 | amount_total_tax=34.65 | amount_total=244.65 | amount_due= | t1.tax_detail_base=105 | \
         t1.tax_detail_tax=22.05 | t2.tax_detail_base=105 | t2.tax_detail_tax=12.60",
        Made(&["5.00</cbc:Amount>", "<cbc:ChargeIndicator>true<", "10.00</cbc:ChargeTotalAmount>"]),
    ),
    (
        "",
        "t1.tax_detail_base=150",
        Refused(&["Tax details (`tax_details`) has 150.00 at 21 %, and the lines have 100.00"]),
    ),
    ("", "t1.tax_detail_tax=1", Refused(&["Tax detail 1: 21 % of 100.00 is 21.00, and the tax is 1.00"])),
    ("", "t1.tax_detail_rate=", Refused(&["Tax detail 1: Tax rate (`tax_detail_rate`) is empty"])),
    ("", "details", Made(&["<cac:TaxSubtotal>", "21.00</cbc:TaxAmount>", "12.00</cbc:TaxAmount>"])),
    (
        "",
        "amount_total_base= | amount_total_tax= | details | 1.item_total_base=121 | 2.item_total_base=112",
        Refused(&[
            "The tax of the lines by their rates is 38.85, and Total tax (`amount_total_tax`) is empty, and Total amount \
                   (`amount_total`) leaves 0.00 for it",
        ]),
    ),
    (
        "",
        "amount_total_base= | amount_total_tax= | details | -1.item_rate | -2.item_rate",
        Refused(&["Total tax (`amount_total_tax`) is empty, the lines add up to 200.00"]),
    ),
    // Nothing is known of tax.
    (
        "",
        "amount_total_base= | amount_total_tax= | details | -1.item_rate | -2.item_rate | amount_total=200 | amount_due=",
        Made(&[
            "<cac:LegalMonetaryTotal>\n    <cbc:LineExtensionAmount currencyID=\"EUR\">200.00</cbc:LineExtensionAmount>\n    <cbc:PayableAmount",
        ]),
    ),
    // All there is.
    (
        ALL_WORDS,
        ALL_FIELDS,
        Made(&[
            "<cbc:ID>OLD-1<",
            "<cbc:LineID>10<",
            "<cbc:Note>by hand<",
            "20.00</cbc:AllowanceTotalAmount>",
            "<cbc:BuyerReference>R<",
        ]),
    ),
    (
        ALL_WORDS_OF_CREDIT_NOTES,
        ALL_FIELDS,
        Made(&[
            "<cbc:PaymentDueDate>2026-11-20<",
            "<cbc:TaxPointDate>2026-11-04<",
            "<cbc:CreditNoteTypeCode>381<",
        ]),
    ),
    // Lists.
    ("", "order_id=A;;B", Made(&["<cbc:Note>Order number: A, B<"])),
    ("", "iban=CZ65 0800 0000 1920 0014 5399", Made(&["<cbc:ID>CZ65 0800 0000 1920 0014 5399<"])),
    ("", "iban=19-2000145399/0800", Made(&["<cbc:ID>19-2000145399/0800<"])),
    (
        "",
        "iban=CZ6508000000192000145398",
        Refused(&[
            "IBAN (`iban`) is `CZ6508000000192000145398`: this is not an IBAN: its check digits do not fit",
        ]),
    ),
    ("", "iban=DE123456789", Refused(&["IBAN (`iban`) is `DE123456789`", "it looks like a VAT number"])),
    ("", "bic=GIBACZP", Refused(&["BIC (`bic`) is `GIBACZP`: this is not a BIC"])),
    ("", "iban=A;;B", Refused(&["IBAN (`iban`) has several values, and UBL takes one"])),
    // The schema id of its values names it too.
    (
        "fields = { iban = \"one\" }",
        "iban=A;;B",
        Refused(&["IBAN (`one`) has several values, and UBL takes one"]),
    ),
    // Tax of zero.
    (
        "values = { tax_category = \"AE\" }",
        "details | 1.item_rate=0 | 2.item_rate=0 | amount_total_tax=0 | amount_total=200 | amount_due=",
        Made(&["<cbc:ID>AE<", "<cbc:TaxExemptionReason>Reverse charge<"]),
    ),
    (
        "",
        "details | 1.item_rate=0 | 2.item_rate=0 | amount_total_tax=0 | amount_total=200 | amount_due=",
        Made(&["<cbc:Percent>0</cbc:Percent>"]),
    ),
    (
        "fields = { line_tax_category = \"item_tax\" }",
        "1.item_tax=Z",
        Refused(&["Tax category (`item_tax`) is `Z`: it does not go with a tax rate of 21 %"]),
    ),
];

#[test]
fn each_document_is_valid_or_refused_by_the_names_of_its_fields() {
    let mut servers: BTreeMap<&str, Annex> = BTreeMap::new();
    let mut files = Vec::new();
    let mut wrong = String::new();
    for (number, (keys, changes, expected)) in VARIANTS.iter().enumerate() {
        let annex = servers.entry(keys).or_insert_with(|| server(keys));
        let outcome = export(annex, number + 1, &invoice().with(changes));
        match (outcome, expected) {
            (Ok((text, warnings)), Made(texts)) => {
                for part in texts.iter().filter(|part| !text.contains(**part)) {
                    writeln!(wrong, "{changes}: no {part} in {text}").unwrap();
                }
                if warnings.is_empty() == keys.contains("warn") {
                    writeln!(wrong, "{changes}: {warnings:?}").unwrap();
                }
                files.push((*changes, text));
            }
            (Err(message), Refused(texts)) => {
                let message = message.replace("&lt;", "<").replace("&#x27;", "'");
                for part in texts.iter().filter(|part| !message.contains(**part)) {
                    writeln!(wrong, "{changes}: not {part}\n  but {message}").unwrap();
                }
                if !message.contains(" cannot be made. ") || !message.ends_with(" Nothing was sent.") {
                    writeln!(wrong, "{changes}: {message}").unwrap();
                }
            }
            (outcome, _) => writeln!(wrong, "{changes}: {outcome:?}").unwrap(),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(files.len() >= 30 && VARIANTS.len() - files.len() >= 30, "{} of {}", files.len(), VARIANTS.len());
    let Some(schemas) = UblSchemas::find() else { return };
    let texts: Vec<String> = files.iter().map(|(_, text)| text.clone()).collect();
    for ((changes, text), verdict) in files.iter().zip(schemas.verdicts(&texts)) {
        assert!(verdict.errors.is_empty(), "{changes}: {:?}\n{text}", verdict.errors);
        // Sums, which a document that warns does not have.
        let sums = verdict.rules.iter().filter(|rule| rule.starts_with("BR-CO-1"));
        let sums: Vec<_> = sums.filter(|rule| !is_not_ours(rule, text)).collect();
        assert!(sums.is_empty() || changes.contains("234.00"), "{changes}: {sums:?}\n{text}");
    }
}

#[test]
fn a_line_that_is_not_quantity_times_price_is_told_and_refused_for_peppol() {
    let plain = server("");
    let discount = "1.item_amount_base=60";
    let (text, warnings) = export(&plain, 1, &invoice().with(discount)).unwrap();
    let says = "Line 1: Quantity (`item_quantity`) × Unit price without tax (`item_amount_base`) is 120.00, and Total without tax (`item_total_base`) is 100.00";
    assert!(text.contains("100.00</cbc:LineExtensionAmount>"), "{text}");
    assert!(warnings.len() == 1 && warnings[0].contains(says), "{warnings:?}");
    // A price that was rounded is right.
    let rounded = "1.item_quantity=3 | 1.item_amount_base=33.33";
    for (at, right) in ["", rounded, "1.item_amount_base=", "1.item_quantity="].iter().enumerate() {
        let (_, warnings) = export(&plain, at + 2, &invoice().with(right)).unwrap();
        assert!(warnings.is_empty(), "{right}: {warnings:?}");
    }
    let id = "values = { customization_id = \"urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0\" }\n";
    let peppol = server(id);
    let refused = export(&peppol, 1, &invoice().with(discount)).unwrap_err();
    assert!(refused.contains(says) && refused.contains("PEPPOL-EN16931-R120"), "{refused}");
    assert_eq!(export(&peppol, 2, &invoice()).unwrap().1, [""; 0]);
    let warns = server(&format!("{id}mismatch = \"warn\"\n"));
    let (_, warnings) = export(&warns, 1, &invoice().with(discount)).unwrap();
    assert!(warnings.len() == 1 && warnings[0].contains(says), "{warnings:?}");
}

#[test]
fn what_is_likely_wrong_is_told_and_made() {
    let annex = server("fields = { customization_id = \"profile\" }\n");
    let core = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc";
    let told = [
        (
            "date_due=2026-11-04",
            "Due date (`date_due`) is `2026-11-04`: it is before the issue date 2026-11-05".to_owned(),
        ),
        ("profile=urn:cen.eu:en16931:2107", "did you mean `urn:cen.eu:en16931:2017`?".to_owned()),
        (
            "profile=urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:biling:3.0",
            format!("did you mean `{core}:billing:3.0`?"),
        ),
    ];
    for (at, (changes, says)) in told.iter().enumerate() {
        let (_, warnings) = export(&annex, at + 1, &invoice().with(changes)).unwrap();
        let text = warnings.join(" ").replace("&#x27;", "'");
        assert!(warnings.len() == 1 && text.contains(says), "{changes}: {warnings:?}");
    }
    let right = ["date_due=2026-11-05", "date_due=", "profile=urn:cen.eu:en16931:2017", "profile=our-own"];
    for (at, changes) in right.iter().enumerate() {
        let (_, warnings) = export(&annex, at + 10, &invoice().with(changes)).unwrap();
        assert!(warnings.is_empty(), "{changes}: {warnings:?}");
    }
}

/// Rules as this checker has them, which know no rounding of the amount to pay; and what of a document that says nothing of
/// tax.
fn is_not_ours(rule: &str, text: &str) -> bool {
    rule.starts_with("BR-CO-16") && text.contains("PayableRoundingAmount")
        || rule.starts_with("BR-CO-18 At least one") && !text.contains("<cac:TaxTotal>")
}

#[test]
fn a_document_with_all_that_en_16931_asks_breaks_none_of_its_rules() {
    let Some(schemas) = UblSchemas::find() else { return };
    let annex = server(
        "values = { customization_id = \"urn:cen.eu:en16931:2017\", profile_id = \"urn:fdc:peppol.eu:2017:poacc:billing:01:1.0\", \
         supplier_country = \"GB\", customer_country = \"CZ\" }",
    );
    let all = ["", "document_type=credit_note", NET_FROM_GROSS, "details", "amount_due=33 | amount_paid=200"];
    let files: Vec<String> = all
        .iter()
        .enumerate()
        .map(|(at, changes)| export(&annex, at + 1, &invoice().with(changes)).unwrap().0)
        .collect();
    let broken = files[0].replace("<cbc:IssueDate>2026-11-05</cbc:IssueDate>", "");
    let verdict = &schemas.verdicts(&[broken])[0];
    assert!(verdict.errors[0].contains("IssueDate"), "the schemas tell: {verdict:?}");
    for (changes, verdict) in all.iter().zip(schemas.verdicts(&files)) {
        assert!(verdict.errors.is_empty() && verdict.rules.is_empty(), "{changes}: {verdict:?}");
    }
}

/// The same numbers in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }
}

const GARBAGE: [&str; 36] = [
    "",
    " ",
    "0",
    "-1",
    "1",
    "21 %",
    "0.21",
    "1.234",
    "1,234",
    "1.234,5",
    "233.00",
    "-233.00",
    "1e3",
    "1e99",
    "99999999999999999999999999999",
    "NaN",
    "abc",
    "€",
    "$ 5",
    "5 EUR",
    "eur",
    "USD",
    "credit_note",
    "invoice",
    "2026-11-05",
    "5/11/2026",
    "31.2.2026",
    "<x/>",
    "]]>",
    "&amp;",
    "\u{0}\u{1}",
    "\u{202e}x",
    "ž",
    "٣",
    "12 34",
    "--",
];

#[test]
fn whatever_stands_in_the_fields_the_file_is_valid_or_there_is_none() {
    let annexes = [server(""), server("mismatch = \"warn\"")];
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut files = Vec::new();
    let mut refused = 0;
    for number in 1..=300 {
        let mut document = invoice();
        for _ in 0..=chance.below(3) {
            let rows = match chance.below(3) {
                0 => std::slice::from_mut(&mut document.header),
                1 => &mut document.lines[..],
                _ => &mut document.details[..],
            };
            let at = chance.below(rows.len());
            let cells = &mut rows[at];
            let ids: Vec<String> = cells.keys().cloned().collect();
            let id = ids[chance.below(ids.len())].clone();
            match chance.below(5) {
                0 => drop(cells.remove(&id)),
                1 => drop(cells.insert(id, String::new())),
                _ => drop(cells.insert(id, GARBAGE[chance.below(GARBAGE.len())].to_owned())),
            }
            if document.header.is_empty() {
                break;
            }
        }
        match export(&annexes[chance.below(2)], number, &document) {
            Ok((text, _)) => files.push(text),
            Err(message) => {
                let ids = document_ids();
                assert!(ids.iter().any(|id| message.contains(&format!("`{id}`"))), "{number}: {message}");
                assert!(message.ends_with("Nothing was sent."), "{message}");
                refused += 1;
            }
        }
    }
    assert!(refused > 60 && files.len() > 60, "{refused} refused, {} made", files.len());
    let Some(schemas) = UblSchemas::find() else { return };
    for (text, verdict) in files.iter().zip(schemas.verdicts(&files)) {
        assert!(verdict.errors.is_empty(), "{:?}\n{text}", verdict.errors);
    }
}

fn document_ids() -> Vec<String> {
    let all = invoice();
    let rows = all.lines.iter().chain(&all.details).flat_map(BTreeMap::keys);
    let tables = ["line_items".to_owned(), "tax_details".to_owned()];
    all.header.keys().chain(rows).cloned().chain(tables).collect()
}

#[test]
fn nothing_is_sent_of_several_calls_where_one_cannot_be_made() {
    let erp = Erp::kind();
    for deliver_as in ["now", "queued"] {
        let address = erp.address;
        let annex = Annex::dev_with(&format!(
            "[server]\nstate = \"state\"\n[[target]]\nname = \"erp\"\nurl = \"http://{address}/api/\"\n\
             [[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
             [[hook.step]]\nuse = \"export\"\nname = \"erp\"\ntarget = \"erp\"\ndeliver = \"{deliver_as}\"\n\
             [[hook.step.call]]\nname = \"a\"\npath = \"a\"\nshape = \"json\"\n\
             [[hook.step.call]]\nname = \"b\"\npath = \"b\"\nshape = \"ubl\"\nwhen = \"{{{{ field.document_type != 'order' }}}}\"\n"
        ));
        let before = erp.calls().len();
        let said =
            messages(&deliver(&annex, &invoice().with("date_issue= | sender_name=SECRET-NAME").delivery(1)));
        assert_eq!(said.len(), 1);
        assert!(said[0].1.contains("Issue date (`date_issue`) is empty"), "{said:?}");
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert_eq!(erp.calls().len(), before);
        let log = annex.log();
        assert!(log.contains("the document does not have the data that UBL needs: date_issue"), "{log}");
        assert!(!log.contains("SECRET-NAME"), "{log}");
        // The call is left out: what it would need is not asked.
        assert_eq!(
            messages(&deliver(&annex, &invoice().with("date_issue= | document_type=order").delivery(2))),
            []
        );
        assert_eq!(erp.called(before + 1)[before].line, "POST /api/a");
        drop(annex);
    }
}

const SCHEMA: &str = r#"[
  {"id": "basic", "label": "Basic", "category": "section", "children": [
    {"id": "document_id", "label": "Rechnungsnummer", "category": "datapoint", "type": "string"},
    {"id": "sender_name", "label": "Lieferant", "category": "datapoint", "type": "string"},
    {"id": "amount_total", "label": "Summe", "category": "datapoint", "type": "number"}]},
  {"id": "lines", "label": "Lines", "category": "section", "children": [
    {"id": "positions", "label": "Positionen", "category": "multivalue", "children":
      {"id": "position", "label": "Position", "category": "tuple", "children": [
        {"id": "item_description", "label": "Text", "category": "datapoint", "type": "string"},
        {"id": "item_total_base", "label": "Netto", "category": "datapoint", "type": "number"}]}}]}]"#;

#[test]
fn fields_that_the_schema_does_not_have_are_told_at_load_and_its_labels_are_used() {
    let config = |keys: &str| {
        format!(
            "[server]\nstate = \"state\"\n[[target]]\nname = \"files\"\nfolder = \"out\"\n\
             [[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\nschema = \"schema.json\"\n{STEP}{keys}\n"
        )
    };
    let check = |keys: &str| {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("schema.json"), SCHEMA);
        let config = config(keys).replace("[server]", "[server]\ndomains = [\"hooks.my-company.com\"]");
        write(&folder.path().join("annex.toml"), &config);
        let mut command = annex_command();
        let output = command
            .args(["check", "--config", "annex.toml"])
            .env("ROSSUM_SECRET", "x")
            .current_dir(folder.path())
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let (is_fine, said) = check("");
    assert!(!is_fine);
    for text in [
        "annex.toml:15:9: the schema has no field `date_issue`: UBL needs an issue date",
        "the schema has no field `currency`: UBL needs a currency",
        "the schema has no field `recipient_name`: UBL needs a customer",
        "hint: name yours: `fields = { currency = \"…\" }`, or say what it always is: `values = { currency = \"…\" }`",
        "3 mistakes",
    ] {
        assert!(said.contains(text), "{text}: {said}");
    }
    let keys = "values = { issue_date = \"2026-11-05\", currency = \"EUR\", customer_name = \"We\" }";
    assert_eq!(check(keys), (true, String::new()), "the one table is that of the lines");
    for (keys, text) in [
        ("values = { currency = \"EURO\" }", "`EURO`: this is not a currency of ISO 4217"),
        ("values = { line_total = \"1\" }", "`line_total` is not a field of an invoice's header"),
        ("values = { curency = \"EUR\" }", "did you mean `currency`?"),
        ("fields = { curency = \"x\" }", "an invoice has no `curency`"),
        ("fields = { currency = \"x\" }", "the schema has no field `x`"),
        ("document_types = { x = \"order\" }", "`order` is not a kind of document"),
        ("document = \"order\"", "`order` is not a value of `document`"),
        ("units = { x = \"box\" }", "`box` is no unit"),
        ("mismatch = \"ignore\"", "`ignore` is not a value of `mismatch`"),
    ] {
        let (is_fine, said) = check(keys);
        assert!(!is_fine && said.contains(text), "{keys}: {said}");
    }
    let annex = Annex::dev_with_files(&config(keys), &[("schema.json", SCHEMA)]);
    let mut document = invoice().with("document_id= | sender_name=").delivery(1);
    document["annotation"]["content"][1]["children"][0]["schema_id"] = "positions".into();
    let said = messages(&deliver(&annex, &document));
    assert!(said[0].1.contains("Rechnungsnummer (`document_id`) is empty"), "{said:?}");
    assert!(said[0].1.contains("Lieferant (`sender_name`) is empty"), "{said:?}");
    // The schema that Rossum sends along has the labels where there is no file.
    let annex = server("");
    let mut document = invoice().with("document_id=").delivery(1);
    let content: Value = serde_json::from_str(SCHEMA).unwrap();
    document["schemas"] = json!([{"id": 1, "content": content}]);
    let said = messages(&deliver(&annex, &document));
    assert!(said[0].1.contains("Rechnungsnummer (`document_id`) is empty"), "{said:?}");
}
