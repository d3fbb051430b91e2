//! Whether lines are their quantity × price, as PEPPOL-EN16931-R120 has it.

use rust_decimal::Decimal;

use super::invoice::Line;
use super::problems::Place;
use super::totals::Adding;

/// How far a line may be from its quantity × price for a receiver of Peppol (PEPPOL-EN16931-R120).
const SLACK: Decimal = Decimal::from_parts(2, 0, 0, false, 2);

impl Adding<'_, '_> {
    /// Whether each line is its quantity × price, as far as it has both. Nothing is written of discounts of a line, so that a
    /// receiver that multiplies gets another amount.
    pub(super) fn compare_lines(&mut self, lines: &[Line<'_>]) {
        let is_peppol = self.sheet.is_peppol();
        for line in lines {
            let (Some(quantity), Some(price)) = (line.quantity, line.price) else { continue };
            let Some(product) = quantity.checked_mul(price) else { continue };
            // A price that was rounded is off by half of its last digit, and so is a quantity.
            let half = |scale: u32| Decimal::new(5, scale.min(27) + 1);
            let by_price = quantity.abs() * half(price.scale().max(self.currency.digits));
            let by_quantity =
                price.abs() * if quantity.scale() < 2 { Decimal::ZERO } else { half(quantity.scale()) };
            let slack = SLACK.max(self.allowed(1));
            let allowed = if is_peppol { slack } else { slack + by_price + by_quantity };
            if (product.abs() - line.net.abs()).abs() <= allowed {
                continue;
            }
            let words = ["line_quantity", "line_price", "line_total"];
            let cells = words.map(|word| self.sheet.column(line.row, word));
            let net = if cells[2].is_empty() {
                "the amount of the line without tax".to_owned()
            } else {
                cells[2].name()
            };
            let text = format!(
                "{} × {} is {}, and {net} is {}: receivers of Peppol refuse that (PEPPOL-EN16931-R120)",
                cells[0].name(),
                cells[1].name(),
                self.shown(product.abs()),
                self.shown(line.net.abs())
            );
            let ids = [0, 1, 2].map(|at| cells[at].id());
            self.lines_apart.note(Place::Line(line.row.number()), &ids, text);
        }
    }
}
