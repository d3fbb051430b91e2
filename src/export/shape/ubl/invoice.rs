//! A document read as an invoice or a credit note: its kind, its lines with their amounts without tax, its tax details.

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::accounts;
use super::codes::{Category, Currency, ONE, country, unit};
use super::problems::quoted;
use super::sheet::{Cell, Row, Sheet};
use super::values::{is_plausible, rounded};
use super::words::needed;

/// What a document is, by the codes of UNCL1001 that EN 16931 has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Invoice,
    CreditNote,
    DebitNote,
    CorrectedInvoice,
    PrepaymentInvoice,
}

/// Our words for the kinds.
pub const KINDS: [(&str, Kind); 5] = [
    ("invoice", Kind::Invoice),
    ("credit_note", Kind::CreditNote),
    ("debit_note", Kind::DebitNote),
    ("corrected_invoice", Kind::CorrectedInvoice),
    ("prepayment_invoice", Kind::PrepaymentInvoice),
];

/// What Rossum and people write for them beside those words.
const KIND_WORDS: [(&str, Kind); 10] = [
    ("tax_invoice", Kind::Invoice),
    ("commercial_invoice", Kind::Invoice),
    ("380", Kind::Invoice),
    ("creditnote", Kind::CreditNote),
    ("credit_memo", Kind::CreditNote),
    ("credit", Kind::CreditNote),
    ("381", Kind::CreditNote),
    ("debit_memo", Kind::DebitNote),
    ("383", Kind::DebitNote),
    ("debit", Kind::DebitNote),
];

/// Whether a document type, in the form that is compared, is one of ours or of those that people write.
pub(super) fn is_kind(word: &str) -> bool {
    KINDS.iter().chain(&KIND_WORDS).any(|(known, _)| *known == word)
}

/// A document type in the form that is compared.
pub fn type_word(text: &str) -> String {
    text.trim().to_lowercase().replace([' ', '-'], "_")
}

impl Kind {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Invoice => "380",
            Self::CreditNote => "381",
            Self::DebitNote => "383",
            Self::CorrectedInvoice => "384",
            Self::PrepaymentInvoice => "386",
        }
    }

    pub(super) fn what(self) -> &'static str {
        if self == Self::CreditNote { "The UBL credit note" } else { "The UBL invoice" }
    }
}

/// What a line or a part of the tax is taxed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tax {
    pub(super) rate: Decimal,
    /// Where the rate is zero, only the document or the settings know.
    pub(super) category: Option<Category>,
}

pub(super) struct Line<'s> {
    pub(super) row: Row<'s>,
    /// The amount without tax.
    pub(super) net: Decimal,
    /// Whether it was computed or rounded, so that a cent may lie in it.
    pub(super) is_computed: bool,
    pub(super) quantity: Option<Decimal>,
    pub(super) unit: String,
    pub(super) price: Option<Decimal>,
    pub(super) tax: Option<Tax>,
    pub(super) name: &'s str,
    pub(super) code: &'s str,
    pub(super) note: String,
}

pub(super) struct TaxDetail {
    pub(super) row: usize,
    pub(super) tax: Tax,
    pub(super) base: Decimal,
    pub(super) amount: Decimal,
}

pub(super) struct Dates {
    pub(super) issue: Option<Date>,
    pub(super) due: Option<Date>,
    pub(super) tax_point: Option<Date>,
}

impl<'s> Sheet<'s> {
    /// What the document is; an invoice where it says nothing else.
    pub(super) fn kind(&self) -> Kind {
        if let Some(kind) = self.settings.document {
            return kind;
        }
        let cell = self.header("type");
        let word = type_word(cell.text);
        if word.is_empty() {
            return Kind::Invoice;
        }
        let known = KINDS.iter().chain(&KIND_WORDS).find(|(known, _)| *known == word);
        let kind = self.settings.document_types.get(&word).copied().or(known.map(|(_, kind)| *kind));
        kind.unwrap_or_else(|| {
            self.unusable(
                &cell,
                "UBL has invoices and credit notes: choose one, or have `document_types` of the export say which this is",
            );
            Kind::Invoice
        })
    }

    pub(super) fn currency(&self) -> Currency {
        let cell = self.header("currency");
        if cell.is_empty() {
            self.missing(&cell, needed("currency"));
        }
        self.coded(&cell, Currency::read).unwrap_or_else(Currency::unknown)
    }

    pub(super) fn dates(&self) -> Dates {
        let issue = self.header("issue_date");
        if issue.is_empty() {
            self.missing(&issue, needed("issue_date"));
        }
        let due = self.header("due_date");
        let dates = Dates {
            issue: self.date(&issue),
            due: self.date(&due),
            tax_point: self.date(&self.header("tax_point_date")),
        };
        if let (Some(is), Some(until)) = (dates.issue, dates.due)
            && until < is
        {
            self.doubt(&due, &format!("it is before the issue date {is}"));
        }
        dates
    }

    /// The account that is paid to, and the profile: neither is written where it is surely wrong.
    pub(super) fn look_at_payment(&self) {
        self.coded(&self.header("iban"), accounts::account);
        self.coded(&self.header("bic"), accounts::bic);
        let profile = self.header("customization_id");
        if let Some(near) = accounts::misspelt(profile.text) {
            self.doubt(&profile, &super::unknown_profile(near));
        }
    }

    /// The code of a party's country; empty where it is not known.
    pub(super) fn country(&self, word: &str) -> String {
        let read = |text: &str| {
            country(text)
                .ok_or_else(|| "this is not a country of ISO 3166-1: write its code, such as DE".to_owned())
        };
        self.coded(&self.header(word), read).unwrap_or_default()
    }

    /// The category of what is taxed at zero, where the document or the settings name one.
    fn zero_category(&self) -> Option<Category> {
        let cell = self.header("tax_category");
        let category = self.coded(&cell, Category::read)?;
        if category == Category::Standard {
            self.unusable(&cell, "this is for what is taxed at 0 %, which is not S");
            return None;
        }
        Some(category)
    }

    fn tax(&self, rate: Decimal, own: &Cell<'_>) -> Tax {
        let is_zero = rate.is_zero();
        let category = match self.coded(own, Category::read) {
            Some(category) if !category.takes(is_zero) => {
                self.unusable(own, &format!("it does not go with a tax rate of {rate} %"));
                None
            }
            Some(category) => Some(category),
            None if is_zero => self.zero_category(),
            None => Some(Category::Standard),
        };
        Tax { rate, category }
    }

    pub(super) fn read_tax_details(&self, currency: &Currency) -> Vec<TaxDetail> {
        let mut all = Vec::new();
        for row in self.tax_details() {
            let [rate, base, amount, total] =
                ["tax_rate", "tax_base", "tax_amount", "tax_total"].map(|word| self.column(row, word));
            if rate.is_empty() {
                self.missing(&rate, "UBL needs the rate of each part of the tax");
            }
            let [base_is, amount_is, total_is] =
                [&base, &amount, &total].map(|cell| self.amount(cell, currency));
            let Some(rate) = self.rate(&rate) else { continue };
            let found = match (base_is, amount_is, total_is) {
                (Some(base), Some(amount), _) => Some((base, amount)),
                (Some(base), None, Some(total)) if amount.is_empty() => Some((base, total - base)),
                (None, Some(amount), Some(total)) if base.is_empty() => Some((total - amount, amount)),
                (Some(base), None, None) if amount.is_empty() && total.is_empty() => {
                    Some((base, base * rate / Decimal::ONE_HUNDRED))
                }
                _ => None,
            };
            let Some((base_is, amount_is)) = found else {
                let empty = if base.is_empty() { &base } else { &amount };
                if empty.is_empty() {
                    self.missing(empty, "UBL needs the base and the amount of each part of the tax");
                }
                continue;
            };
            all.push(TaxDetail {
                row: row.number(),
                tax: self.tax(rate, &self.column(row, "tax_detail_category")),
                base: rounded(base_is, currency.digits),
                amount: rounded(amount_is, currency.digits),
            });
        }
        all
    }

    /// The rate of lines that have none of their own: that of the whole document.
    pub(super) fn common_rate(&self, details: &[TaxDetail], currency: &Currency) -> Option<Decimal> {
        if let [only] = details {
            return Some(only.tax.rate);
        }
        let total = self.header("total_tax");
        let is_zero = |amount: Decimal| amount.is_zero();
        let is_untaxed = super::values::amount(total.text, currency).is_ok_and(is_zero);
        (details.is_empty() && is_untaxed).then_some(Decimal::ZERO)
    }

    pub(super) fn read_lines(&self, common: Option<Decimal>, currency: &Currency) -> Vec<Line<'s>> {
        let rows = self.lines();
        if rows.is_empty() {
            let cell = self.header("lines");
            self.wrong(&cell, format!("has no rows: {}", needed("lines")));
        }
        rows.into_iter().filter_map(|row| self.line(row, common, currency)).collect()
    }

    fn line(&self, row: Row<'s>, common: Option<Decimal>, currency: &Currency) -> Option<Line<'s>> {
        let column = |word: &str| self.column(row, word);
        let [name, code] = ["line_name", "line_code"].map(column);
        if name.is_empty() && code.is_empty() {
            self.missing(&name, needed("line_name"));
        }
        let quantity = self.number(&column("line_quantity"));
        let price = column("line_price");
        // A price may have more decimals than the currency.
        let price = self.coded(&price, |text| {
            super::values::number(text).or_else(|_| super::values::amount(text, currency))
        });
        let rate_cell = column("line_tax_rate");
        let own = self.rate(&rate_cell);
        let rate = if rate_cell.is_empty() { common } else { own };
        let tax = rate.map(|rate| self.tax(rate, &column("line_tax_category")));
        let (unit, unit_note) = self.unit(&column("line_unit"));
        let note = [column("line_note").text, &unit_note].join("\n").trim().to_owned();
        let (net, is_computed) = self.net(row, rate, quantity, price, currency)?;
        let name = if name.is_empty() { code.text } else { name.text };
        Some(Line { row, net, is_computed, quantity, unit, price, tax, name, code: code.text, note })
    }

    /// A unit's code, and what the line says of it where it has none.
    fn unit(&self, cell: &Cell<'_>) -> (String, String) {
        if cell.is_empty() {
            return (ONE.to_owned(), String::new());
        }
        let own = self.settings.units.get(&cell.text.to_lowercase()).cloned();
        match own.or_else(|| unit(cell.text).map(str::to_owned)) {
            Some(code) => (code, String::new()),
            None => (ONE.to_owned(), format!("{}: {}", cell.label(), cell.text)),
        }
    }

    /// The amount of a line without tax, and whether it was computed or rounded. It is what the document says, or else what
    /// follows from the amount with tax, or from quantity and price.
    fn net(
        &self,
        row: Row<'s>,
        rate: Option<Decimal>,
        quantity: Option<Decimal>,
        price: Option<Decimal>,
        currency: &Currency,
    ) -> Option<(Decimal, bool)> {
        let [net, gross, tax] =
            ["line_total", "line_total_with_tax", "line_tax"].map(|word| self.column(row, word));
        let in_cents = |amount: Decimal| rounded(amount, currency.digits);
        if !net.is_empty() {
            let amount = self.amount(&net, currency)?;
            return Some((in_cents(amount), in_cents(amount) != amount));
        }
        let mut is_unreadable = false;
        let mut read = |cell: &Cell<'_>| {
            let amount = self.amount(cell, currency);
            is_unreadable |= amount.is_none() && !cell.is_empty();
            amount
        };
        let (gross_is, tax_is) = (read(&gross), read(&tax));
        let by_gross = match (gross_is, tax_is, rate) {
            (Some(gross), Some(tax), _) => Some(gross - tax),
            (Some(gross), None, Some(rate)) => {
                (gross * Decimal::ONE_HUNDRED).checked_div(Decimal::ONE_HUNDRED + rate)
            }
            _ => None,
        };
        let by_price = || Some(quantity? * price?);
        if let Some(amount) = by_gross.or_else(by_price).filter(|amount| is_plausible(*amount)) {
            return Some((in_cents(amount), true));
        }
        if gross_is.is_some() {
            let rate = self.column(row, "line_tax_rate");
            if rate.is_empty() {
                let why = format!(
                    "{}, and {} alone does not give it: fill {} too",
                    net.absence(),
                    gross.name(),
                    rate.name()
                );
                self.wrong(&net, why);
            }
        } else if !is_unreadable {
            self.missing(&net, needed("line_total"));
        }
        None
    }

    /// Why a document type is what it is, for a message.
    pub(super) fn said_type(&self) -> String {
        let cell = self.header("type");
        if cell.is_empty() {
            format!("{} is empty", cell.name())
        } else {
            format!("{} is {}", cell.name(), quoted(cell.text))
        }
    }
}
