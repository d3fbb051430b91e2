//! `shape = "ubl"`: a UBL 2.1 invoice (OASIS UBL 2.1, `UBL-Invoice-2.1.xsd`), with the elements that the document has
//! values for. It is as complete as the document: what a receiver demands beyond that is the receiver's profile.

use std::collections::HashMap;

use serde_json::Value;

use super::super::view::View;
use super::elements::Elements;

/// What the invoice is made of: our word for it, and the schema id that Rossum's invoice schemas have for it.
pub const FIELDS: [(&str, &str); 29] = [
    ("id", "document_id"),
    ("issue_date", "date_issue"),
    ("due_date", "date_due"),
    ("currency", "currency"),
    ("order", "order_id"),
    ("note", "notes"),
    ("supplier_name", "sender_name"),
    ("supplier_street", "sender_address"),
    ("supplier_vat_id", "sender_vat_id"),
    ("supplier_id", "sender_ic"),
    ("customer_name", "recipient_name"),
    ("customer_street", "recipient_address"),
    ("customer_vat_id", "recipient_vat_id"),
    ("customer_id", "recipient_ic"),
    ("iban", "iban"),
    ("bic", "bic"),
    ("payment_id", "var_sym"),
    ("total_tax", "amount_total_tax"),
    ("total_without_tax", "amount_total_base"),
    ("total", "amount_total"),
    ("due", "amount_due"),
    ("line_name", "item_description"),
    ("line_code", "item_code"),
    ("line_quantity", "item_quantity"),
    ("line_unit", "item_uom"),
    ("line_price", "item_amount_base"),
    ("line_total", "item_total_base"),
    ("line_tax_rate", "item_rate"),
    ("line_total_with_tax", "item_amount_total"),
];

#[derive(Debug, Default)]
pub struct Ubl {
    /// Other schema ids than those of [`FIELDS`], by our word.
    pub fields: HashMap<String, String>,
}

const NAMESPACES: [(&str, &str); 3] = [
    ("xmlns", "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"),
    ("xmlns:cac", "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"),
    ("xmlns:cbc", "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"),
];

/// Commercial invoice (UNCL1001).
const INVOICE: &str = "380";
/// UNCL4461.
const CREDIT_TRANSFER: &str = "30";
/// "One", where no unit is known (UN/ECE Recommendation 20).
const ONE: &str = "C62";

impl Ubl {
    fn schema_id<'u>(&'u self, word: &str) -> &'u str {
        let standard = FIELDS.iter().find(|(known, _)| *known == word).map_or("", |(_, id)| *id);
        self.fields.get(word).map_or(standard, String::as_str)
    }

    pub(super) fn make(&self, view: &View) -> String {
        let field = |word: &str| view.text(self.schema_id(word));
        // ISO 4217 is written in capitals; Rossum's enums are in small letters.
        let currency = field("currency").to_uppercase();
        let amount = |out: &mut Elements, name: &str, text: &str| {
            let unit = [("currencyID", &*currency)];
            out.text_if_any(name, if currency.is_empty() { &[] } else { &unit }, text);
        };
        Elements::document("Invoice", &NAMESPACES, |out| {
            out.text("cbc:UBLVersionID", &[], "2.1");
            out.text_if_any("cbc:ID", &[], field("id"));
            out.text_if_any("cbc:IssueDate", &[], field("issue_date"));
            out.text_if_any("cbc:DueDate", &[], field("due_date"));
            out.text("cbc:InvoiceTypeCode", &[], INVOICE);
            out.text_if_any("cbc:Note", &[], field("note"));
            out.text_if_any("cbc:DocumentCurrencyCode", &[], &currency);
            out.group_if_any("cac:OrderReference", |out| out.text_if_any("cbc:ID", &[], field("order")));
            self.party(out, "cac:AccountingSupplierParty", "supplier", view);
            self.party(out, "cac:AccountingCustomerParty", "customer", view);
            if !field("iban").is_empty() {
                out.group("cac:PaymentMeans", |out| {
                    out.text("cbc:PaymentMeansCode", &[], CREDIT_TRANSFER);
                    out.text_if_any("cbc:PaymentID", &[], field("payment_id"));
                    out.group("cac:PayeeFinancialAccount", |out| {
                        out.text("cbc:ID", &[], field("iban"));
                        out.group_if_any("cac:FinancialInstitutionBranch", |out| {
                            out.text_if_any("cbc:ID", &[], field("bic"));
                        });
                    });
                });
            }
            out.group_if_any("cac:TaxTotal", |out| amount(out, "cbc:TaxAmount", field("total_tax")));
            out.group_if_any("cac:LegalMonetaryTotal", |out| {
                amount(out, "cbc:LineExtensionAmount", field("total_without_tax"));
                amount(out, "cbc:TaxExclusiveAmount", field("total_without_tax"));
                amount(out, "cbc:TaxInclusiveAmount", field("total"));
                let due = Some(field("due")).filter(|due| !due.is_empty());
                amount(out, "cbc:PayableAmount", due.unwrap_or_else(|| field("total")));
            });
            for (at, line) in view.line_items.iter().enumerate() {
                self.line(out, at + 1, line, &amount);
            }
        })
    }

    fn party(&self, out: &mut Elements, element: &str, who: &str, view: &View) {
        let of = |what: &str| view.text(self.schema_id(&format!("{who}_{what}")));
        out.group_if_any(element, |out| {
            out.group_if_any("cac:Party", |out| {
                out.group_if_any("cac:PartyName", |out| out.text_if_any("cbc:Name", &[], of("name")));
                out.group_if_any("cac:PostalAddress", |out| {
                    out.group_if_any("cac:AddressLine", |out| out.text_if_any("cbc:Line", &[], of("street")));
                });
                if !of("vat_id").is_empty() {
                    out.group("cac:PartyTaxScheme", |out| {
                        out.text("cbc:CompanyID", &[], of("vat_id"));
                        out.group("cac:TaxScheme", |out| out.text("cbc:ID", &[], "VAT"));
                    });
                }
                out.group_if_any("cac:PartyLegalEntity", |out| {
                    out.text_if_any("cbc:CompanyID", &[], of("id"));
                });
            });
        });
    }

    fn line(
        &self,
        out: &mut Elements,
        number: usize,
        line: &Value,
        amount: &impl Fn(&mut Elements, &str, &str),
    ) {
        let cell = |word: &str| line.get(self.schema_id(word)).and_then(Value::as_str).unwrap_or_default();
        let first = |words: [&'static str; 2]| {
            let found = words.map(cell).into_iter().find(|text| !text.is_empty());
            found.unwrap_or_default()
        };
        out.group("cac:InvoiceLine", |out| {
            out.text("cbc:ID", &[], &number.to_string());
            let unit = Some(cell("line_unit")).filter(|unit| !unit.is_empty()).unwrap_or(ONE);
            out.text_if_any("cbc:InvoicedQuantity", &[("unitCode", unit)], cell("line_quantity"));
            amount(out, "cbc:LineExtensionAmount", first(["line_total", "line_total_with_tax"]));
            out.group_if_any("cac:Item", |out| {
                out.text_if_any("cbc:Name", &[], cell("line_name"));
                out.group_if_any("cac:SellersItemIdentification", |out| {
                    out.text_if_any("cbc:ID", &[], cell("line_code"));
                });
                if !cell("line_tax_rate").is_empty() {
                    out.group("cac:ClassifiedTaxCategory", |out| {
                        out.text("cbc:Percent", &[], cell("line_tax_rate"));
                        out.group("cac:TaxScheme", |out| out.text("cbc:ID", &[], "VAT"));
                    });
                }
            });
            out.group_if_any("cac:Price", |out| amount(out, "cbc:PriceAmount", cell("line_price")));
        });
    }
}
