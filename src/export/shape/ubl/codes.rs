//! Codes of currencies, countries, units and tax categories, as a document writes them.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::lists::{COUNTRIES, CURRENCIES, UNITS};

/// A currency that amounts are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Currency {
    pub(super) code: String,
    /// Decimals of its smaller unit.
    pub(super) digits: u32,
}

/// Currencies with another number of decimals than two (ISO 4217).
const NO_DECIMALS: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
const THREE_DECIMALS: &str = "BHD IQD JOD KWD LYD OMR TND";
const FOUR_DECIMALS: &str = "CLF UYW";

/// Signs that one currency alone has.
const SIGNS: [(&str, &str); 9] = [
    ("€", "EUR"),
    ("£", "GBP"),
    ("Kč", "CZK"),
    ("zł", "PLN"),
    ("Ft", "HUF"),
    ("₹", "INR"),
    ("₺", "TRY"),
    ("₴", "UAH"),
    ("₪", "ILS"),
];

fn has(list: &str, code: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == code)
}

impl Currency {
    /// Of a code, in capitals or not, or of a sign that one currency alone has.
    ///
    /// # Errors
    /// Why it is none, as the rest of a sentence.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let sign = SIGNS.iter().find(|(sign, _)| sign.to_lowercase() == text.to_lowercase());
        let code = sign.map_or_else(|| text.to_ascii_uppercase(), |(_, code)| (*code).to_owned());
        if !has(CURRENCIES, &code) {
            return Err(match text {
                "$" | "kr" | "kr." | "¥" => {
                    "several currencies have this sign: write the code, such as USD".to_owned()
                }
                _ => "this is not a currency of ISO 4217: write its code, such as EUR".to_owned(),
            });
        }
        let digits = match &*code {
            code if has(NO_DECIMALS, code) => 0,
            code if has(THREE_DECIMALS, code) => 3,
            code if has(FOUR_DECIMALS, code) => 4,
            _ => 2,
        };
        Ok(Self { code, digits })
    }

    /// Where it is not known: so that the rest can be looked at.
    pub(super) fn unknown() -> Self {
        Self { code: String::new(), digits: 2 }
    }

    /// Whether a text beside an amount means this currency.
    pub(super) fn is_written(&self, beside: &str) -> bool {
        let sign =
            |(sign, code): &(&str, &str)| *code == self.code && sign.to_lowercase() == beside.to_lowercase();
        beside.eq_ignore_ascii_case(&self.code) || SIGNS.iter().any(sign)
    }
}

/// The code of a country; `None` where it is none of ISO 3166-1.
pub(super) fn country(text: &str) -> Option<String> {
    let code = match &*text.to_ascii_uppercase() {
        "UK" => "GB".to_owned(),
        "EL" => "GR".to_owned(),
        code => code.to_owned(),
    };
    has(COUNTRIES, &code).then_some(code)
}

/// Whether two capitals are a country in accounts, which know Kosovo too.
pub(super) fn is_country(code: &str) -> bool {
    code.bytes().all(|byte| byte.is_ascii_uppercase()) && (code == "XK" || has(COUNTRIES, code))
}

/// "One", where no unit is known.
pub(super) const ONE: &str = "C62";

/// How documents write units, in small letters and without a point at the end.
const UNIT_WORDS: [(&str, &str); 21] = [
    (
        "H87",
        "pc pcs pce piece pieces ks kus kusy kusů st stk stck stück stueck szt sztuk sztuka db darab buc kom kos ud uds \
         pièce pièces pz pza pezzi pezzo styck stuk stuks",
    ),
    ("EA", "ea each"),
    (ONE, "unit units one"),
    ("KGM", "kg kgs kilo kilogram kilograms"),
    ("GRM", "g gr gram grams"),
    ("TNE", "t tonne tonnes"),
    ("LTR", "l ltr litr litre litres liter liters"),
    ("MLT", "ml"),
    ("MTR", "m mtr metr metre metres meter meters"),
    ("CMT", "cm"),
    ("MMT", "mm"),
    ("KMT", "km"),
    ("MTK", "m2 m² qm sqm"),
    ("MTQ", "m3 m³ cbm"),
    ("HUR", "h hr hrs hour hours hod hodina hodin hodiny std stunde stunden godz heure heures"),
    ("MIN", "min minute minutes"),
    ("DAY", "day days den dny dní tag tage dzień dni jour jours"),
    ("MON", "month months měsíc měsíce měsíců měs monat monate mies mois"),
    ("ANN", "year years rok roky jahr jahre"),
    ("KWH", "kwh"),
    ("XBX", "box boxes"),
];

static UNIT_CODES: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| UNITS.split_ascii_whitespace().collect());

static UNITS_BY_WORD: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let of = |(code, words): (&'static str, &'static str)| {
        words.split_ascii_whitespace().map(move |word| (word, code))
    };
    UNIT_WORDS.into_iter().flat_map(of).collect()
});

/// The code of a unit: what people write for it comes before codes, for some look alike (`St` is a piece in German).
pub(super) fn unit(text: &str) -> Option<&'static str> {
    let word = text.trim_end_matches('.').to_lowercase();
    let code = UNITS_BY_WORD.get(&*word).copied();
    code.or_else(|| UNIT_CODES.get(&*text.to_ascii_uppercase()).copied())
}

/// Whether a text is a code of UN/ECE Recommendation 20 or 21, as it stands.
pub fn is_unit_code(text: &str) -> bool {
    UNIT_CODES.contains(text)
}

/// A category of tax (UNCL5305, as far as EN 16931 has it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Category {
    Standard,
    Zero,
    Exempt,
    ReverseCharge,
    IntraCommunity,
    Export,
    OutOfScope,
    CanaryIslands,
    Ceuta,
}

const CATEGORIES: [(&str, Category); 9] = [
    ("S", Category::Standard),
    ("Z", Category::Zero),
    ("E", Category::Exempt),
    ("AE", Category::ReverseCharge),
    ("K", Category::IntraCommunity),
    ("G", Category::Export),
    ("O", Category::OutOfScope),
    ("L", Category::CanaryIslands),
    ("M", Category::Ceuta),
];

impl Category {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let found = CATEGORIES.iter().find(|(code, _)| code.eq_ignore_ascii_case(text));
        found.map(|(_, category)| *category).ok_or_else(|| {
            "this is not a tax category: write S (taxed), Z (zero rate), E (exempt), AE (reverse charge), K (within the EU), \
             G (export), O (no tax), L or M"
                .to_owned()
        })
    }

    pub(super) fn code(self) -> &'static str {
        CATEGORIES.iter().find(|(_, category)| *category == self).map_or("S", |(code, _)| *code)
    }

    /// Whether it can go with a rate above zero, and with zero.
    pub(super) fn takes(self, is_zero: bool) -> bool {
        match self {
            Self::Standard => !is_zero,
            Self::CanaryIslands | Self::Ceuta => true,
            _ => is_zero,
        }
    }

    /// The code and the words of the reason that the category is by itself (VATEX).
    pub(super) fn reason(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::ReverseCharge => Some(("VATEX-EU-AE", "Reverse charge")),
            Self::IntraCommunity => Some(("VATEX-EU-IC", "Intra-Community supply")),
            Self::Export => Some(("VATEX-EU-G", "Export outside the EU")),
            Self::OutOfScope => Some(("VATEX-EU-O", "Not subject to VAT")),
            _ => None,
        }
    }

    pub(super) fn needs_reason(self) -> bool {
        self == Self::Exempt || self.reason().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_lists() {
        let currency = |text: &str| Currency::read(text).map(|currency| (currency.code, currency.digits));
        assert_eq!(currency("eur"), Ok(("EUR".to_owned(), 2)));
        assert_eq!(currency("kč"), Ok(("CZK".to_owned(), 2)));
        assert_eq!(currency("JPY").unwrap().1, 0);
        assert_eq!(currency("TND").unwrap().1, 3);
        for none in ["", "$", "EURO", "E", "kr", "EUR USD"] {
            assert!(currency(none).is_err(), "{none}");
        }
        assert_eq!(country("uk").as_deref(), Some("GB"));
        assert_eq!(country("Czechia"), None);
        assert_eq!(
            ["ks", "Std.", "KGM", "St", "xbx", "krabice"].map(unit).map(|unit| unit.unwrap_or("?")),
            ["H87", "HUR", "KGM", "H87", "XBX", "?"]
        );
        for (code, words) in UNIT_WORDS {
            assert!(is_unit_code(code) && !words.is_empty(), "{code}");
        }
        for (_, code) in SIGNS {
            assert!(currency(code).is_ok(), "{code}");
        }
    }
}
