//! What a UBL document is made of: our word for it, Rossum's schema id, and what people call it.

/// A thing that a document may have.
#[derive(Debug)]
pub struct Field {
    /// Our word, for `fields` and `values` of the configuration.
    pub word: &'static str,
    /// The schema id that Rossum's invoice schemas have for it; empty where they have none.
    pub id: &'static str,
    /// What a person calls it, where the schema is not at hand.
    pub label: &'static str,
}

const fn field(word: &'static str, id: &'static str, label: &'static str) -> Field {
    Field { word, id, label }
}

/// Fields of the header; the names of the two tables among them.
pub(super) const HEADER: [Field; 39] = [
    field("id", "document_id", "Document number"),
    field("type", "document_type", "Document type"),
    field("issue_date", "date_issue", "Issue date"),
    field("due_date", "date_due", "Due date"),
    field("tax_point_date", "date_uzp", "Tax point date"),
    field("currency", "currency", "Currency"),
    field("order", "order_id", "Order number"),
    field("buyer_reference", "", "Buyer reference"),
    field("preceding_invoice", "", "Preceding invoice"),
    field("note", "notes", "Notes"),
    field("supplier_name", "sender_name", "Supplier name"),
    field("supplier_street", "sender_address", "Supplier address"),
    field("supplier_country", "", "Supplier country"),
    field("supplier_vat_id", "sender_vat_id", "Supplier VAT number"),
    field("supplier_id", "sender_ic", "Supplier company number"),
    field("customer_name", "recipient_name", "Customer name"),
    field("customer_street", "recipient_address", "Customer address"),
    field("customer_country", "", "Customer country"),
    field("customer_vat_id", "recipient_vat_id", "Customer VAT number"),
    field("customer_id", "recipient_ic", "Customer company number"),
    field("iban", "iban", "IBAN"),
    field("bic", "bic", "BIC"),
    field("payment_id", "var_sym", "Payment reference"),
    field("total_tax", "amount_total_tax", "Total tax"),
    field("total_without_tax", "amount_total_base", "Total without tax"),
    field("total", "amount_total", "Total amount"),
    field("due", "amount_due", "Amount due"),
    field("prepaid", "amount_paid", "Amount paid"),
    field("rounding", "amount_rounding", "Amount rounding"),
    field("allowance", "", "Allowance"),
    field("charge", "", "Charge"),
    field("allowance_reason", "", "Allowance reason"),
    field("charge_reason", "", "Charge reason"),
    field("tax_category", "", "Tax category"),
    field("exemption_reason", "", "Tax exemption reason"),
    field("customization_id", "", "Customization"),
    field("profile_id", "", "Profile"),
    field("lines", "line_items", "Line items"),
    field("tax_details", "tax_details", "Tax details"),
];

/// Columns of the lines.
pub(super) const LINE: [Field; 12] = [
    field("line_name", "item_description", "Description"),
    field("line_code", "item_code", "Code"),
    field("line_quantity", "item_quantity", "Quantity"),
    field("line_unit", "item_uom", "Unit"),
    field("line_price", "item_amount_base", "Unit price without tax"),
    field("line_total", "item_total_base", "Total without tax"),
    field("line_tax_rate", "item_rate", "Tax rate"),
    field("line_tax", "item_tax", "Tax"),
    field("line_total_with_tax", "item_amount_total", "Total with tax"),
    field("line_tax_category", "", "Tax category"),
    field("line_order", "", "Order line"),
    field("line_note", "", "Note"),
];

/// Columns of the tax details.
pub(super) const TAX_DETAIL: [Field; 5] = [
    field("tax_rate", "tax_detail_rate", "Tax rate"),
    field("tax_base", "tax_detail_base", "Tax base"),
    field("tax_amount", "tax_detail_tax", "Tax amount"),
    field("tax_total", "tax_detail_total", "Total with tax"),
    field("tax_detail_category", "", "Tax category"),
];

/// Every field there is.
pub fn fields() -> impl Iterator<Item = &'static Field> {
    HEADER.iter().chain(&LINE).chain(&TAX_DETAIL)
}

pub(super) fn field_of(word: &str) -> Option<&'static Field> {
    fields().find(|field| field.word == word)
}

/// Whether a word is a header field's, which `values` can fill.
pub fn is_single(word: &str) -> bool {
    HEADER.iter().any(|field| field.word == word) && !["lines", "tax_details"].contains(&word)
}

/// What a field of a document holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    Text,
    Date,
    Amount,
    Rows,
}

/// What a word stands for.
pub fn holds(word: &str) -> Holds {
    match word {
        "issue_date" | "due_date" | "tax_point_date" => Holds::Date,
        "lines" | "tax_details" => Holds::Rows,
        "total_tax"
        | "total_without_tax"
        | "total"
        | "due"
        | "prepaid"
        | "rounding"
        | "allowance"
        | "charge"
        | "line_quantity"
        | "line_price"
        | "line_total"
        | "line_tax_rate"
        | "line_tax"
        | "line_total_with_tax"
        | "tax_rate"
        | "tax_base"
        | "tax_amount"
        | "tax_total" => Holds::Amount,
        _ => Holds::Text,
    }
}

/// The table that a word's field is a column of, by its word.
pub fn rows_of(word: &str) -> Option<&'static str> {
    let is_in = |columns: &[Field]| columns.iter().any(|field| field.word == word);
    match () {
        () if is_in(&LINE) => Some("lines"),
        () if is_in(&TAX_DETAIL) => Some("tax_details"),
        () => None,
    }
}

/// What each document must have, one of the words at least, and what UBL needs it for.
pub const NEEDED: [(&[&str], &str); 9] = [
    (&["id"], "UBL needs a document number"),
    (&["issue_date"], "UBL needs an issue date"),
    (&["currency"], "UBL needs a currency for every amount"),
    (&["supplier_name"], "UBL needs a supplier"),
    (&["customer_name"], "UBL needs a customer"),
    (&["total", "total_tax"], "UBL needs the amount to pay"),
    (&["lines"], "UBL needs at least one line"),
    (&["line_name", "line_code"], "UBL needs a description of each line"),
    (&["line_total", "line_price", "line_total_with_tax"], "UBL needs the amount without tax of each line"),
];

pub(super) fn needed(word: &str) -> &'static str {
    NEEDED.iter().find(|(words, _)| words.contains(&word)).map_or("UBL needs it", |(_, why)| *why)
}
