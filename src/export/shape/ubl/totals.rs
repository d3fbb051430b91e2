//! What the amounts of a document add up to, as EN 16931 has it (BR-CO-10 to BR-CO-17), and the tax by its rates.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::codes::{Category, Currency};
use super::invoice::{Kind, Line, Tax, TaxDetail};
use super::problems::{Place, Problems};
use super::sheet::{Cell, Sheet};
use super::values::rounded;
use super::words::needed;

/// The amounts of the whole document, as they are written.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Totals {
    pub(super) lines: Decimal,
    pub(super) allowance: Decimal,
    pub(super) charge: Decimal,
    pub(super) exclusive: Decimal,
    pub(super) tax: Decimal,
    pub(super) inclusive: Decimal,
    pub(super) prepaid: Decimal,
    pub(super) rounding: Decimal,
    pub(super) payable: Decimal,
    /// Whether the document says anything of tax; else nothing is written of it.
    pub(super) is_tax_known: bool,
    pub(super) parts: Vec<Part>,
    /// Of the allowance or the charge what each part of the tax has of it, as far as that is known.
    pub(super) shares: Vec<(Tax, Decimal)>,
}

/// The part of the tax that has one rate and category.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub(super) tax: Tax,
    pub(super) base: Decimal,
    pub(super) amount: Decimal,
}

/// What the header says; `None` where it says nothing.
struct Said {
    total: Decimal,
    base: Option<Decimal>,
    tax: Option<Decimal>,
    due: Option<Decimal>,
    prepaid: Decimal,
    rounding: Decimal,
    allowance: Decimal,
    charge: Decimal,
}

pub(super) struct Adding<'a, 's> {
    pub(super) sheet: &'a Sheet<'s>,
    pub(super) kind: Kind,
    pub(super) currency: &'a Currency,
    /// What does not add up.
    pub(super) apart: Problems,
    /// Lines whose quantity and price are another amount than theirs: a discount, or a mistake.
    pub(super) lines_apart: Problems,
}

impl Adding<'_, '_> {
    /// The amounts of the document; `None` where something that they need is missing, which is noted.
    pub(super) fn totals(&mut self, lines: &mut [Line<'_>], details: &mut [TaxDetail]) -> Option<Totals> {
        let said = self.said()?;
        if !self.sheet.problems.borrow().is_empty() {
            return None; // sums of what could not be read say nothing
        }
        self.turn(lines, details);
        self.compare_lines(lines);
        let adjust = said.charge - said.allowance;
        let sum = |lines: &[Line<'_>]| lines.iter().map(|line| line.net).sum::<Decimal>();
        let details_base =
            (!details.is_empty()).then(|| details.iter().map(|detail| detail.base).sum::<Decimal>());
        let base = said.base.or_else(|| Some(said.total - said.tax?)).or(details_base);
        let base = base.unwrap_or_else(|| sum(lines) + adjust);
        let tax = said.tax.unwrap_or(said.total - base);
        self.settle(lines, base - adjust - sum(lines));
        let net = sum(lines);
        self.compare_sums(&said, net, base, tax);
        let is_supported = said.base.is_some() || said.tax.is_some() || !details.is_empty();
        if !is_supported && !tax.is_zero() && lines.iter().any(|line| line.tax.is_none()) {
            let text = format!(
                "{} is empty, the lines add up to {}, and {} is {}: fill in the tax",
                self.cell("total_tax").name(),
                self.shown(net),
                self.cell("total").name(),
                self.shown(said.total)
            );
            self.note(&["total_tax", "total"], text);
        }
        let mut parts = self.parts(lines, details, (net, adjust), (tax, said.tax.is_some()));
        let is_even = self.apart.is_empty();
        let (exclusive, inclusive) =
            if is_even { (net + adjust, net + adjust + tax) } else { (base, said.total) };
        let payable = said.due.unwrap_or(said.total - said.prepaid + said.rounding);
        let rounding = if is_even { payable - (inclusive - said.prepaid) } else { said.rounding };
        if is_even {
            level(&mut parts, exclusive, tax);
        }
        Some(Totals {
            shares: shares(&parts, lines, adjust, said.allowance.is_zero() || said.charge.is_zero()),
            lines: net,
            allowance: said.allowance,
            charge: said.charge,
            exclusive,
            tax,
            inclusive,
            prepaid: said.prepaid,
            rounding,
            payable,
            is_tax_known: is_supported || lines.iter().any(|line| line.tax.is_some()),
            parts,
        })
    }

    /// The smallest difference that counts, for a number of roundings.
    pub(super) fn allowed(&self, roundings: usize) -> Decimal {
        let cent = Decimal::new(1, self.currency.digits);
        let one = self.sheet.settings.tolerance.unwrap_or(cent);
        one.checked_mul(Decimal::from(roundings.max(1))).unwrap_or(Decimal::MAX)
    }

    fn cell(&self, word: &str) -> Cell<'_> {
        self.sheet.header(word)
    }

    pub(super) fn shown(&self, amount: Decimal) -> String {
        rounded(amount, self.currency.digits).to_string()
    }

    fn note(&mut self, words: &[&str], text: String) {
        self.note_at(Place::Header, words, text);
    }

    fn note_at(&mut self, place: Place, words: &[&str], text: String) {
        let cells: Vec<Cell<'_>> = words.iter().map(|word| self.sheet.header(word)).collect();
        let ids: Vec<&str> = cells.iter().map(Cell::id).collect();
        self.apart.note(place, &ids, text);
    }

    /// The amounts of the header, positive in a credit note that writes them below zero.
    fn said(&mut self) -> Option<Said> {
        let read = |word: &str| self.sheet.total(&self.sheet.header(word), self.currency);
        let [total, base, tax, due] = ["total", "total_without_tax", "total_tax", "due"].map(read);
        let [prepaid, rounding, allowance, charge] =
            ["prepaid", "rounding", "allowance", "charge"].map(|word| read(word).unwrap_or_default());
        let cell = self.sheet.header("total");
        let total = match (total, base, tax) {
            (Some(total), ..) => total,
            (None, Some(base), Some(tax)) if cell.is_empty() => base + tax,
            _ => {
                if cell.is_empty() {
                    self.sheet.missing(&cell, needed("total"));
                }
                return None;
            }
        };
        let is_turned = self.kind == Kind::CreditNote && total < Decimal::ZERO;
        if self.kind != Kind::CreditNote && total < Decimal::ZERO {
            let text = format!(
                "{} is {}, below zero, and {}: a credit note has a document type that says so",
                cell.name(),
                self.shown(total),
                self.sheet.said_type()
            );
            self.note(&["total", "type"], text);
        }
        let turned = |amount: Decimal| if is_turned { -amount } else { amount };
        Some(Said {
            total: turned(total),
            base: base.map(turned),
            tax: tax.map(turned),
            due: due.map(turned),
            prepaid: turned(prepaid),
            rounding: turned(rounding),
            allowance: allowance.abs(),
            charge: turned(charge),
        })
    }

    /// Makes amounts of a credit note positive where it writes them below zero, and puts a line's sign into its quantity:
    /// a price is never below zero.
    fn turn(&self, lines: &mut [Line<'_>], details: &mut [TaxDetail]) {
        let is_credit = self.kind == Kind::CreditNote;
        if is_credit && details.iter().map(|detail| detail.base).sum::<Decimal>() < Decimal::ZERO {
            for detail in details {
                detail.base = -detail.base;
                detail.amount = -detail.amount;
            }
        }
        let is_turned = is_credit && lines.iter().map(|line| line.net).sum::<Decimal>() < Decimal::ZERO;
        for line in lines {
            if is_turned {
                line.net = -line.net;
            }
            line.price = line.price.map(|price| price.abs());
            if !line.net.is_zero() {
                let sign = if line.net < Decimal::ZERO { Decimal::NEGATIVE_ONE } else { Decimal::ONE };
                line.quantity = line.quantity.map(|quantity| quantity.abs() * sign);
            }
        }
    }

    /// Puts cents that come of computing lines into the largest of those.
    fn settle(&self, lines: &mut [Line<'_>], difference: Decimal) {
        let computed = lines.iter().filter(|line| line.is_computed).count();
        if difference.abs() > Decimal::new(1, self.currency.digits) * Decimal::from(computed) {
            return;
        }
        let largest = lines.iter_mut().filter(|line| line.is_computed).max_by_key(|line| line.net.abs());
        if let Some(line) = largest {
            line.net += difference;
        }
    }

    fn compare_sums(&mut self, said: &Said, net: Decimal, base: Decimal, tax: Decimal) {
        let allowed = self.allowed(1);
        let [total, base_cell, tax_cell] =
            ["total", "total_without_tax", "total_tax"].map(|word| self.cell(word).name());
        let sum = net + said.charge - said.allowance;
        if (sum - base).abs() > allowed {
            let lines = match (said.allowance.is_zero(), said.charge.is_zero()) {
                (true, true) => "The lines add up to",
                _ => "The lines, less allowances and with charges, add up to",
            };
            let (what, words): (String, &[&str]) = match (said.base, said.tax) {
                (Some(_), _) => (base_cell.clone(), &["lines", "total_without_tax"]),
                (None, Some(_)) => (format!("{total} without {tax_cell}"), &["lines", "total", "total_tax"]),
                _ => (self.cell("tax_details").name(), &["lines", "tax_details"]),
            };
            let text = format!(
                "{lines} {}, and {what} is {}, which is {} apart",
                self.shown(sum),
                self.shown(base),
                self.shown((sum - base).abs())
            );
            self.note(words, text);
        }
        if (base + tax - said.total).abs() > allowed {
            let text = format!(
                "{base_cell} and {tax_cell} add up to {}, and {total} is {}, which is {} apart",
                self.shown(base + tax),
                self.shown(said.total),
                self.shown((base + tax - said.total).abs())
            );
            self.note(&["total_without_tax", "total_tax", "total"], text);
        }
        let payable = said.total - said.prepaid + said.rounding;
        if let Some(due) = said.due.filter(|due| (due - payable).abs() > allowed) {
            let text = format!(
                "{} is {}, and {total} less {} and with {} is {}",
                self.cell("due").name(),
                self.shown(due),
                self.cell("prepaid").name(),
                self.cell("rounding").name(),
                self.shown(payable)
            );
            self.note(&["due", "total", "prepaid", "rounding"], text);
        }
    }

    /// The tax by rates and categories, as far as that is known.
    fn parts(
        &mut self,
        lines: &[Line<'_>],
        details: &[TaxDetail],
        (net, adjust): (Decimal, Decimal),
        (tax, is_said): (Decimal, bool),
    ) -> Vec<Part> {
        self.compare_details(details);
        let by_lines = of_lines(lines);
        let parts = match by_lines {
            Some(groups) if adjust.is_zero() => self.parts_of_lines(&groups, details),
            _ if !details.is_empty() => {
                let base: Decimal = details.iter().map(|detail| detail.base).sum();
                if (base - net - adjust).abs() > self.allowed(details.len()) {
                    self.note_base(base, net + adjust);
                }
                let mut parts = BTreeMap::<Tax, (Decimal, Decimal)>::new();
                for detail in details {
                    let part = parts.entry(detail.tax).or_default();
                    part.0 += detail.base;
                    part.1 += detail.amount;
                }
                parts.into_iter().map(|(tax, (base, amount))| Part { tax, base, amount }).collect()
            }
            Some(groups) if groups.len() == 1 => {
                groups.into_keys().map(|of| Part { tax: of, base: net + adjust, amount: tax }).collect()
            }
            _ => Vec::new(),
        };
        let sum: Decimal = parts.iter().map(|part| part.amount).sum();
        if !parts.is_empty() && (sum - tax).abs() > self.allowed(lines.len()) {
            let (what, word) = if details.is_empty() {
                ("The tax of the lines by their rates".to_owned(), "lines")
            } else {
                (format!("The tax of {}", self.cell("tax_details").name()), "tax_details")
            };
            let (cell, total) = (self.cell("total_tax"), self.cell("total"));
            let other = if is_said {
                format!("{} is {}", cell.name(), self.shown(tax))
            } else {
                format!("{} is empty, and {} leaves {} for it", cell.name(), total.name(), self.shown(tax))
            };
            let text = format!("{what} is {}, and {other}", self.shown(sum));
            self.note(&[word, "total_tax"], text);
        }
        parts
    }

    fn note_base(&mut self, base: Decimal, net: Decimal) {
        let text = format!(
            "The bases of {} add up to {}, and the lines to {}",
            self.cell("tax_details").name(),
            self.shown(base),
            self.shown(net)
        );
        self.note(&["tax_details", "lines"], text);
    }

    /// Whether each part of the tax is its rate of its base.
    fn compare_details(&mut self, details: &[TaxDetail]) {
        let allowed = self.allowed(details.len());
        for detail in details {
            let right = detail.base * detail.tax.rate / Decimal::ONE_HUNDRED;
            // Tax may have been rounded line by line.
            if (right - detail.amount).abs() > allowed.max(Decimal::ONE) {
                let text = format!(
                    "{} % of {} is {}, and the tax is {}",
                    detail.tax.rate,
                    self.shown(detail.base),
                    self.shown(right),
                    self.shown(detail.amount)
                );
                self.note_at(Place::TaxDetail(detail.row), &["tax_details"], text);
            }
        }
    }

    fn parts_of_lines(
        &mut self,
        groups: &BTreeMap<Tax, (Decimal, usize)>,
        details: &[TaxDetail],
    ) -> Vec<Part> {
        let details_cell = self.cell("tax_details").name();
        let mut of_details = BTreeMap::<Decimal, (Decimal, Decimal)>::new();
        for detail in details {
            let part = of_details.entry(detail.tax.rate).or_default();
            part.0 += detail.base;
            part.1 += detail.amount;
        }
        let mut of_rates = BTreeMap::<Decimal, (Decimal, usize, usize)>::new();
        for (tax, (base, lines)) in groups {
            let rate = of_rates.entry(tax.rate).or_default();
            *rate = (rate.0 + base, rate.1 + lines, rate.2 + 1);
        }
        for (rate, (base, _)) in &of_details {
            let of_lines = of_rates.get(rate).copied().unwrap_or_default();
            if (base - of_lines.0).abs() > self.allowed(of_lines.1) {
                let text = format!(
                    "{details_cell} has {} at {rate} %, and the lines have {}",
                    self.shown(*base),
                    self.shown(of_lines.0)
                );
                self.note(&["tax_details", "lines"], text);
            }
        }
        for (rate, (base, ..)) in of_rates.iter().filter(|(rate, _)| !of_details.contains_key(rate)) {
            if !details.is_empty() && !base.is_zero() {
                let text =
                    format!("{details_cell} has no {rate} %, and lines have {} of it", self.shown(*base));
                self.note(&["tax_details", "lines"], text);
            }
        }
        let part = |(tax, (base, _)): (&Tax, &(Decimal, usize))| {
            let is_single = of_rates.get(&tax.rate).is_some_and(|rate| rate.2 == 1);
            let detail = of_details.get(&tax.rate).filter(|_| is_single);
            let computed = || rounded(base * tax.rate / Decimal::ONE_HUNDRED, self.currency.digits);
            Part { tax: *tax, base: *base, amount: detail.map_or_else(computed, |(_, amount)| *amount) }
        };
        groups.iter().map(part).collect()
    }
}

/// Amounts and numbers of lines by what they are taxed by; `None` where that is not known of each.
fn of_lines(lines: &[Line<'_>]) -> Option<BTreeMap<Tax, (Decimal, usize)>> {
    let mut groups = BTreeMap::<Tax, (Decimal, usize)>::new();
    for line in lines {
        let group = groups.entry(line.tax?).or_default();
        group.0 += line.net;
        group.1 += 1;
    }
    Some(groups)
}

/// What each part of the tax has of an allowance or a charge: what its base is apart from its lines. Empty where that is
/// not known, or not all of it.
fn shares(parts: &[Part], lines: &[Line<'_>], adjust: Decimal, is_one: bool) -> Vec<(Tax, Decimal)> {
    let Some(groups) = of_lines(lines).filter(|_| is_one && !adjust.is_zero()) else { return Vec::new() };
    let apart =
        |part: &Part| (part.tax, part.base - groups.get(&part.tax).map_or(Decimal::ZERO, |group| group.0));
    let shares: Vec<_> = parts.iter().map(apart).filter(|(_, share)| !share.is_zero()).collect();
    let is_whole = shares.iter().map(|(_, share)| *share).sum::<Decimal>() == adjust
        && shares.iter().all(|(_, share)| share.is_sign_negative() == adjust.is_sign_negative());
    if is_whole { shares } else { Vec::new() }
}

/// Puts the cents of roundings into the largest part, so that the parts are the whole.
fn level(parts: &mut [Part], base: Decimal, tax: Decimal) {
    let apart = base - parts.iter().map(|part| part.base).sum::<Decimal>();
    if let Some(largest) = parts.iter_mut().max_by_key(|part| part.base.abs()) {
        largest.base += apart;
    }
    let apart = tax - parts.iter().map(|part| part.amount).sum::<Decimal>();
    let is_taxed =
        |part: &&mut Part| part.tax.category != Some(Category::OutOfScope) && !part.tax.rate.is_zero();
    if let Some(largest) = parts.iter_mut().filter(is_taxed).max_by_key(|part| part.amount.abs()) {
        largest.amount += apart;
    }
}
