//! Accounts and profiles that no receiver knows: an IBAN with a slip, a BIC that is none, a misspelt customization.

use super::codes::is_country;

/// Bytes of the longest IBAN, and of the shortest (Norway's).
const IBAN: std::ops::RangeInclusive<usize> = 15..=34;

/// An account: an IBAN where it has the form of one; a bank of another kind has its own numbers.
///
/// # Errors
/// Why it is none, as the rest of a sentence.
pub(super) fn account(text: &str) -> Result<(), String> {
    let bare: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    let bare = bare.to_ascii_uppercase();
    let letters = bare.bytes().take_while(u8::is_ascii_alphabetic).count();
    let Some(country) = bare.get(..2).filter(|_| letters >= 2) else { return Ok(()) };
    if !bare.bytes().all(|byte| byte.is_ascii_alphanumeric()) || !is_country(country) {
        return Ok(());
    }
    let digits = bare.bytes().filter(u8::is_ascii_digit).count();
    if !IBAN.contains(&bare.len()) && digits * 2 >= bare.len() {
        return Err("this is not an IBAN, which has 15 to 34 letters and digits: it looks like a VAT number"
            .to_owned());
    }
    let has_check = bare.get(2..4).is_some_and(|check| check.bytes().all(|byte| byte.is_ascii_digit()));
    if has_check && IBAN.contains(&bare.len()) && remainder(&bare) != 1 {
        return Err(
            "this is not an IBAN: its check digits do not fit, so a letter or a digit is wrong".to_owned()
        );
    }
    Ok(())
}

/// Of a division by 97, as ISO 7064 has it.
fn remainder(iban: &str) -> u32 {
    let (front, back) = iban.split_at(4);
    back.chars().chain(front.chars()).filter_map(|c| c.to_digit(36)).fold(0, |rest, value| {
        let shift = if value > 9 { 100 } else { 10 };
        (rest * shift + value) % 97
    })
}

/// A BIC: four letters or digits of the bank, its country, two of the place, and three of the branch or none (ISO 9362).
///
/// # Errors
/// Why it is none, as the rest of a sentence.
pub(super) fn bic(text: &str) -> Result<(), String> {
    let bare: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let bare = bare.to_ascii_uppercase();
    let is_formed = matches!(bare.len(), 8 | 11) && bare.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match bare.get(4..6).filter(|_| is_formed) {
        Some(country) if is_country(country) => Ok(()),
        _ => Err("this is not a BIC: it has 8 or 11 letters and digits, the fifth and sixth are a country, as in GIBACZPX"
            .to_owned()),
    }
}

/// What EN 16931 begins with, and profiles of it.
const CORE: &str = "urn:cen.eu:en16931:2017";
const PROFILES: [&str; 11] = [
    CORE,
    "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0",
    "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:selfbilling:3.0",
    "urn:cen.eu:en16931:2017#conformant#urn:fdc:peppol.eu:2017:poacc:billing:international:aunz:3.0",
    "urn:cen.eu:en16931:2017#conformant#urn:fdc:peppol.eu:2017:poacc:billing:international:sg:3.0",
    "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0",
    "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0#conformant#urn:xeinkauf.de:kosit:extension:xrechnung_3.0",
    "urn:cen.eu:en16931:2017#compliant#urn:xoev-de:kosit:standard:xrechnung_2.3",
    "urn:cen.eu:en16931:2017#compliant#urn:fdc:nen.nl:nlcius:v1.0",
    "urn:cen.eu:en16931:2017#compliant#urn:efactura.mfinante.ro:CIUS-RO:1.0.1",
    "urn:fdc:peppol.eu:poacc:trns:invoice:3",
];
/// Letters that a slip makes other ones.
const SLIPS: usize = 3;

/// The profile that a misspelt one is nearest to. Another version of one that is known is none.
pub(super) fn misspelt(text: &str) -> Option<&'static str> {
    let unnumbered = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    let is_known = |known: &&str| unnumbered(known) == unnumbered(text);
    let begins_well = !text.starts_with("urn:cen.eu:") || text.split('#').next() == Some(CORE);
    if begins_well && PROFILES.iter().any(is_known) {
        return None;
    }
    let distance = |known: &&str| strsim::damerau_levenshtein(text, known);
    PROFILES.into_iter().min_by_key(distance).filter(|near| (1..=SLIPS).contains(&distance(near)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_ibans_or_numbers_of_another_kind() {
        for right in [
            "CZ6508000000192000145399",
            "CZ65 0800 0000 1920 0014 5399",
            "de89370400440532013000",
            "GB29 NWBK 6016 1331 9268 19",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
            "19-2000145399/0800",
            "123456789",
            "A",
            "IBAN",
            "ACCOUNT 7",
        ] {
            assert_eq!(account(right), Ok(()), "{right}");
        }
        for wrong in [
            "CZ6508000000192000145398",
            "DE89370400440532013001",
            "CZ12345678",
            "DE123456789",
            "ATU12345678",
            "CZ65",
        ] {
            assert!(account(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_bic_has_the_form_of_one() {
        for right in ["GIBACZPX", "DEUTDEFF500", "deutdeff", "GIBA CZ PX", "NCBVXKPR"] {
            assert_eq!(bic(right), Ok(()), "{right}");
        }
        for wrong in
            ["GIBACZP", "GIBAC1PX", "0800", "GIBAQQPX", "CZ6508000000192000145399", "Česká spořitelna"]
        {
            assert!(bic(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn misspelt_profiles_are_told_and_other_ones_are_not() {
        for right in PROFILES.into_iter().chain([
            "",
            "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.1",
            "urn:cen.eu:en16931:2017#compliant#urn:xoev-de:kosit:standard:xrechnung_2.0",
            "urn:peppol:pint:billing-1@jp-1",
            "urn:example.com:our:own:profile",
            "k",
        ]) {
            assert_eq!(misspelt(right), None, "{right}");
        }
        for wrong in [
            "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:biling:3.0",
            "urn:cen.eu:en16931:2107#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0",
            "urn:cen.eu:en16931:2017#complaint#urn:fdc:peppol.eu:2017:poacc:billing:3.0",
            "urn:cen.eu:en16931:2017:compliant:urn:xeinkauf.de:kosit:xrechnung_3.0",
            "urn:cen.eu.en16931:2017",
        ] {
            assert!(misspelt(wrong).is_some(), "{wrong}");
        }
    }
}
