//! `shape = "ubl"`: a UBL 2.1 invoice or credit note (OASIS UBL 2.1, `UBL-Invoice-2.1.xsd`, `UBL-CreditNote-2.1.xsd`).
//!
//! ```text
//! View → Sheet (values by our words) → Invoice (lines, tax) → Totals → XML
//! ```
//!
//! What is made is valid by these schemas. A document that lacks what they need, that holds what cannot be read in one
//! way, or whose amounts do not add up, is not made: [`Unfit`] says all of it at once.

mod accounts;
mod codes;
mod invoice;
mod lists;
mod problems;
mod products;
mod sheet;
mod totals;
mod values;
mod words;
mod writing;

use std::collections::HashMap;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::super::view::View;
use codes::{Category, Currency};
use invoice::Line;
use problems::Problems;
use sheet::Sheet;
use totals::{Adding, Totals};

use super::Unfit;
pub use codes::is_unit_code;
pub use invoice::{KINDS, Kind, type_word};
pub use words::{Field, Holds, NEEDED, fields, holds, is_single, rows_of};

/// What becomes of a document whose amounts do not add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mismatch {
    /// It is not made: a receiver that checks EN 16931 refuses it whole, and one that does not books a wrong amount.
    #[default]
    Refuse,
    /// It is made with the amounts as they stand, and a warning.
    Warn,
}

#[derive(Debug, Default)]
pub struct Ubl {
    /// Other schema ids than Rossum's usual ones, by our word.
    pub fields: HashMap<String, String>,
    /// What a header field is where the document leaves it empty, by our word.
    pub values: HashMap<String, String>,
    /// How people call the fields, by schema id.
    pub labels: HashMap<String, String>,
    /// What every document is, whatever it says.
    pub document: Option<Kind>,
    /// What a value of the document type means, by [`type_word`].
    pub document_types: HashMap<String, Kind>,
    /// Codes of units by what documents write, in small letters.
    pub units: HashMap<String, String>,
    pub mismatch: Mismatch,
    /// How far sums may be apart; the smallest amount of the currency where it is not set.
    pub tolerance: Option<Decimal>,
}

/// A document that can be written.
struct Document<'s> {
    sheet: &'s Sheet<'s>,
    kind: Kind,
    id: &'s str,
    issue_date: Date,
    due_date: Option<Date>,
    tax_point: Option<Date>,
    currency: Currency,
    supplier_country: String,
    customer_country: String,
    lines: Vec<Line<'s>>,
    totals: Totals,
}

/// A document as it was made.
#[derive(Debug)]
pub struct Made {
    pub text: String,
    /// What the person should know of it.
    pub warning: Option<String>,
}

impl Ubl {
    /// # Errors
    /// Where the document's data is not what UBL needs.
    pub(super) fn make(&self, view: &View) -> Result<Made, Unfit> {
        let sheet = Sheet::new(self, view);
        let kind = sheet.kind();
        let (mut apart, mut lines_apart) = Default::default();
        let document = read(&sheet, kind, &mut apart, &mut lines_apart);
        let what = kind.what();
        let mut missing = sheet.problems.borrow_mut();
        if sheet.is_peppol() {
            apart.take(&mut lines_apart);
        }
        if self.mismatch == Mismatch::Refuse || document.is_none() {
            missing.take(&mut apart);
        }
        apart.take(&mut lines_apart);
        match document.filter(|_| missing.is_empty()) {
            Some(document) => {
                drop(missing);
                let doubted = sheet.doubts.borrow().doubted(what);
                let warnings: Vec<String> = apart.warning(what).into_iter().chain(doubted).collect();
                let warning = (!warnings.is_empty()).then(|| warnings.join(" "));
                Ok(Made { text: document.written(), warning })
            }
            None => Err(missing.unfit(what)),
        }
    }

    /// Whether it reads a field.
    pub(super) fn reads(&self, id: &str) -> bool {
        fields().any(|field| self.fields.get(field.word).map_or(field.id, String::as_str) == id)
    }

    /// Whether a value that the settings give for a header field can be used.
    pub fn check_value(&self, word: &str, text: &str) -> Usable {
        let read = match word {
            "currency" => Currency::read(text).map(drop),
            "tax_category" => Category::read(text).map(drop),
            "supplier_country" | "customer_country" => codes::country(text)
                .map(drop)
                .ok_or_else(|| "this is not a country of ISO 3166-1: write its code, such as DE".to_owned()),
            "type" => self.check_type(text),
            "iban" => accounts::account(text),
            "bic" => accounts::bic(text),
            "customization_id" => {
                let near = accounts::misspelt(text);
                return near.map_or(Usable::Yes, |near| Usable::Perhaps(unknown_profile(near)));
            }
            _ => match holds(word) {
                Holds::Date => values::date(text).map(drop),
                Holds::Amount => return self.check_amount(text),
                Holds::Text | Holds::Rows => Ok(()),
            },
        };
        read.map_or_else(Usable::No, |()| Usable::Yes)
    }

    fn check_type(&self, text: &str) -> Result<(), String> {
        let word = type_word(text);
        let is_known =
            self.document.is_some() || self.document_types.contains_key(&word) || invoice::is_kind(&word);
        if is_known {
            Ok(())
        } else {
            Err("this is not a kind of invoice: `document_types` says what it means".to_owned())
        }
    }

    /// An amount of the header. The currency is the document's, or else the settings'.
    fn check_amount(&self, text: &str) -> Usable {
        let currencies = ["EUR", "JPY", "TND", "CLF"].map(Currency::read); // two decimals, none, three, four
        let own = self.values.get("currency").and_then(|own| Currency::read(own).ok());
        let read = |currency: &Currency| {
            let amount = values::amount(text, currency).or_else(|why| {
                let bare = text.trim_matches(|c: char| !c.is_ascii_digit() && !"+-−–.,".contains(c));
                if bare == text { Err(why) } else { values::amount(bare, currency) } // with a currency beside it
            })?;
            let fits = values::rounded(amount, currency.digits) == amount;
            let why = || format!("{} has {} decimals at most", currency.code, currency.digits);
            fits.then_some(()).ok_or_else(why)
        };
        let wrong = own.as_ref().map_or_else(|| read(&Currency::unknown()), &read).err();
        match wrong {
            None => Usable::Yes,
            Some(why) if currencies.iter().flatten().all(|currency| read(currency).is_err()) => {
                Usable::No(why)
            }
            Some(why) => Usable::Perhaps(why),
        }
    }
}

/// What to say of a customization that is nearly one of those that receivers know.
fn unknown_profile(near: &str) -> String {
    format!("no receiver may know this customization: did you mean `{near}`?")
}

/// What becomes of documents that a value of the settings is taken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Usable {
    Yes,
    /// It is likely wrong, or depends on the document's currency; why.
    Perhaps(String),
    /// It is refused, whatever the document has; why.
    No(String),
}

/// Reads all of it, whatever is missing, so that all of that is said.
fn read<'s>(
    sheet: &'s Sheet<'s>,
    kind: Kind,
    apart: &mut Problems,
    lines_apart: &mut Problems,
) -> Option<Document<'s>> {
    sheet.look_at_header();
    let id = sheet.needed("id");
    let dates = sheet.dates();
    let currency = sheet.currency();
    sheet.look_at_payment();
    for word in ["supplier_name", "customer_name"] {
        sheet.needed(word);
    }
    let supplier_country = sheet.country("supplier_country");
    let customer_country = sheet.country("customer_country");
    let mut details = sheet.read_tax_details(&currency);
    let common = sheet.common_rate(&details, &currency);
    let mut lines = sheet.read_lines(common, &currency);
    let (adding_apart, adding_lines) = Default::default();
    let mut adding =
        Adding { sheet, kind, currency: &currency, apart: adding_apart, lines_apart: adding_lines };
    let totals = adding.totals(&mut lines, &mut details);
    (*apart, *lines_apart) = (adding.apart, adding.lines_apart);
    Some(Document {
        sheet,
        kind,
        id,
        issue_date: dates.issue?,
        due_date: dates.due,
        tax_point: dates.tax_point,
        supplier_country,
        customer_country,
        lines,
        totals: totals?,
        currency,
    })
}
