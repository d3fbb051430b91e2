//! A document as XML, its elements in the order of UBL's schemas.

use rust_decimal::Decimal;

use super::super::elements::Elements;
use super::Document;
use super::codes::Category;
use super::invoice::{Kind, Line, Tax};
use super::totals::Part;
use super::values::rounded;

const INVOICE: &str = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2";
const CREDIT_NOTE: &str = "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2";
const AGGREGATES: &str = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2";
const BASICS: &str = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2";

/// UNCL4461.
const CREDIT_TRANSFER: &str = "30";

impl Document<'_> {
    pub(super) fn written(&self) -> String {
        let is_credit = self.kind == Kind::CreditNote;
        let (root, namespace) = if is_credit { ("CreditNote", CREDIT_NOTE) } else { ("Invoice", INVOICE) };
        let namespaces = [("xmlns", namespace), ("xmlns:cac", AGGREGATES), ("xmlns:cbc", BASICS)];
        Elements::document(root, &namespaces, |out| {
            self.head(out, is_credit);
            self.party(out, "cac:AccountingSupplierParty", "supplier", &self.supplier_country);
            self.party(out, "cac:AccountingCustomerParty", "customer", &self.customer_country);
            self.payment(out, is_credit);
            self.allowances(out);
            self.tax_total(out);
            self.monetary_total(out);
            for (at, line) in self.lines.iter().enumerate() {
                self.line(out, at + 1, line, is_credit);
            }
        })
    }

    fn field(&self, word: &str) -> &str {
        self.sheet.header(word).text
    }

    /// An amount with the decimals of its currency.
    fn amount(&self, out: &mut Elements, name: &str, amount: Decimal) {
        let unit = [("currencyID", &*self.currency.code)];
        out.text(name, &unit, &rounded(amount, self.currency.digits).to_string());
    }

    fn amount_if_any(&self, out: &mut Elements, name: &str, amount: Decimal) {
        if !amount.is_zero() {
            self.amount(out, name, amount);
        }
    }

    fn head(&self, out: &mut Elements, is_credit: bool) {
        out.text("cbc:UBLVersionID", &[], "2.1");
        out.text_if_any("cbc:CustomizationID", &[], self.field("customization_id"));
        out.text_if_any("cbc:ProfileID", &[], self.field("profile_id"));
        out.text("cbc:ID", &[], self.id);
        out.text("cbc:IssueDate", &[], &self.issue_date.to_string());
        let due = self.due_date.map(|date| date.to_string()).unwrap_or_default();
        let tax_point = self.tax_point.map(|date| date.to_string()).unwrap_or_default();
        let code = self.kind.code();
        if is_credit {
            out.text_if_any("cbc:TaxPointDate", &[], &tax_point);
            out.text("cbc:CreditNoteTypeCode", &[], code);
            self.notes(out);
        } else {
            out.text_if_any("cbc:DueDate", &[], &due);
            out.text("cbc:InvoiceTypeCode", &[], code);
            self.notes(out);
            out.text_if_any("cbc:TaxPointDate", &[], &tax_point);
        }
        out.text("cbc:DocumentCurrencyCode", &[], &self.currency.code);
        out.text_if_any("cbc:BuyerReference", &[], self.field("buyer_reference"));
        if let [order] = &self.sheet.several("order")[..] {
            out.group("cac:OrderReference", |out| out.text("cbc:ID", &[], order));
        }
        out.group_if_any("cac:BillingReference", |out| {
            out.group_if_any("cac:InvoiceDocumentReference", |out| {
                out.text_if_any("cbc:ID", &[], self.field("preceding_invoice"));
            });
        });
    }

    fn notes(&self, out: &mut Elements) {
        for note in self.sheet.several("note") {
            out.text("cbc:Note", &[], note);
        }
        // UBL refers to one order.
        let orders = self.sheet.several("order");
        if orders.len() > 1 {
            let label = self.sheet.header("order").label().to_owned();
            out.text("cbc:Note", &[], &format!("{label}: {}", orders.join(", ")));
        }
    }

    fn party(&self, out: &mut Elements, element: &str, who: &str, country: &str) {
        let of = |what: &str| self.field(&format!("{who}_{what}"));
        out.group(element, |out| {
            out.group("cac:Party", |out| {
                out.group("cac:PartyName", |out| out.text("cbc:Name", &[], of("name")));
                out.group_if_any("cac:PostalAddress", |out| {
                    out.group_if_any("cac:AddressLine", |out| out.text_if_any("cbc:Line", &[], of("street")));
                    out.group_if_any("cac:Country", |out| {
                        out.text_if_any("cbc:IdentificationCode", &[], country);
                    });
                });
                if !of("vat_id").is_empty() {
                    out.group("cac:PartyTaxScheme", |out| {
                        out.text("cbc:CompanyID", &[], of("vat_id"));
                        tax_scheme(out);
                    });
                }
                out.group("cac:PartyLegalEntity", |out| {
                    out.text("cbc:RegistrationName", &[], of("name"));
                    out.text_if_any("cbc:CompanyID", &[], of("id"));
                });
            });
        });
    }

    fn payment(&self, out: &mut Elements, is_credit: bool) {
        if self.field("iban").is_empty() {
            return;
        }
        out.group("cac:PaymentMeans", |out| {
            out.text("cbc:PaymentMeansCode", &[], CREDIT_TRANSFER);
            // A credit note has no due date of its own.
            if let Some(due) = self.due_date.filter(|_| is_credit) {
                out.text("cbc:PaymentDueDate", &[], &due.to_string());
            }
            out.text_if_any("cbc:PaymentID", &[], self.field("payment_id"));
            out.group("cac:PayeeFinancialAccount", |out| {
                out.text("cbc:ID", &[], self.field("iban"));
                out.group_if_any("cac:FinancialInstitutionBranch", |out| {
                    out.text_if_any("cbc:ID", &[], self.field("bic"));
                });
            });
        });
    }

    fn allowances(&self, out: &mut Elements) {
        let both = [
            ("false", "allowance_reason", "Allowance", self.totals.allowance),
            ("true", "charge_reason", "Charge", self.totals.charge),
        ];
        for (is_charge, word, reason, amount) in both {
            if amount.is_zero() {
                continue;
            }
            let own = self.field(word);
            let mut one = |amount: Decimal, tax: Option<&Tax>| {
                out.group("cac:AllowanceCharge", |out| {
                    out.text("cbc:ChargeIndicator", &[], is_charge);
                    out.text("cbc:AllowanceChargeReason", &[], if own.is_empty() { reason } else { own });
                    self.amount(out, "cbc:Amount", amount);
                    if let Some(tax) = tax {
                        self.tax_category(out, "cac:TaxCategory", tax, false);
                    }
                });
            };
            match (&self.totals.parts[..], &self.totals.shares[..]) {
                ([only], _) => one(amount, Some(&only.tax)),
                // Of several rates nobody says which is the allowance's.
                (_, []) => one(amount, None),
                (_, shares) => {
                    for (tax, share) in shares {
                        one(share.abs(), Some(tax));
                    }
                }
            }
        }
    }

    fn tax_category(&self, out: &mut Elements, name: &str, tax: &Tax, has_reason: bool) {
        out.group(name, |out| {
            let category = tax.category;
            out.text_if_any("cbc:ID", &[], category.map_or("", Category::code));
            if category != Some(Category::OutOfScope) {
                out.text("cbc:Percent", &[], &tax.rate.normalize().to_string());
            }
            if let Some(category) = category.filter(|category| has_reason && category.needs_reason()) {
                let (code, words) = category.reason().unwrap_or_default();
                let own = self.field("exemption_reason");
                out.text_if_any("cbc:TaxExemptionReasonCode", &[], code);
                out.text_if_any("cbc:TaxExemptionReason", &[], if own.is_empty() { words } else { own });
            }
            tax_scheme(out);
        });
    }

    fn tax_total(&self, out: &mut Elements) {
        if !self.totals.is_tax_known {
            return;
        }
        out.group("cac:TaxTotal", |out| {
            self.amount(out, "cbc:TaxAmount", self.totals.tax);
            for Part { tax, base, amount } in &self.totals.parts {
                out.group("cac:TaxSubtotal", |out| {
                    self.amount(out, "cbc:TaxableAmount", *base);
                    self.amount(out, "cbc:TaxAmount", *amount);
                    self.tax_category(out, "cac:TaxCategory", tax, true);
                });
            }
        });
    }

    fn monetary_total(&self, out: &mut Elements) {
        let totals = &self.totals;
        out.group("cac:LegalMonetaryTotal", |out| {
            self.amount(out, "cbc:LineExtensionAmount", totals.lines);
            if totals.is_tax_known {
                self.amount(out, "cbc:TaxExclusiveAmount", totals.exclusive);
                self.amount(out, "cbc:TaxInclusiveAmount", totals.inclusive);
            }
            self.amount_if_any(out, "cbc:AllowanceTotalAmount", totals.allowance);
            self.amount_if_any(out, "cbc:ChargeTotalAmount", totals.charge);
            self.amount_if_any(out, "cbc:PrepaidAmount", totals.prepaid);
            self.amount_if_any(out, "cbc:PayableRoundingAmount", totals.rounding);
            self.amount(out, "cbc:PayableAmount", totals.payable);
        });
    }

    fn line(&self, out: &mut Elements, number: usize, line: &Line<'_>, is_credit: bool) {
        let (name, quantity) = if is_credit {
            ("cac:CreditNoteLine", "cbc:CreditedQuantity")
        } else {
            ("cac:InvoiceLine", "cbc:InvoicedQuantity")
        };
        out.group(name, |out| {
            out.text("cbc:ID", &[], &number.to_string());
            out.text_if_any("cbc:Note", &[], &line.note);
            if let Some(amount) = line.quantity {
                out.text(quantity, &[("unitCode", &line.unit)], &amount.normalize().to_string());
            }
            self.amount(out, "cbc:LineExtensionAmount", line.net);
            out.group_if_any("cac:OrderLineReference", |out| {
                out.text_if_any("cbc:LineID", &[], self.sheet.column(line.row, "line_order").text);
            });
            out.group("cac:Item", |out| {
                out.text("cbc:Name", &[], line.name);
                out.group_if_any("cac:SellersItemIdentification", |out| {
                    out.text_if_any("cbc:ID", &[], line.code);
                });
                if let Some(tax) = &line.tax {
                    self.tax_category(out, "cac:ClassifiedTaxCategory", tax, false);
                }
            });
            if let Some(price) = line.price {
                out.group("cac:Price", |out| {
                    let unit = [("currencyID", &*self.currency.code)];
                    out.text("cbc:PriceAmount", &unit, &price.normalize().to_string());
                });
            }
        });
    }
}

fn tax_scheme(out: &mut Elements) {
    out.group("cac:TaxScheme", |out| out.text("cbc:ID", &[], "VAT"));
}
