//! Legal forms of companies, each only where its country writes it: at the end of a name, or at its start.

/// At the end. None is a word of its own or a usual name.
const AT_END: &[&str] = &[
    "aps",
    "asa",
    "bhd",
    "bv",
    "bvba",
    "corp",
    "corporation",
    "doo",
    "ead",
    "eirl",
    "eood",
    "esv",
    "eurl",
    "gbr",
    "gesmbh",
    "gmbh",
    "ike",
    "inc",
    "incorporated",
    "jdoo",
    "jsc",
    "kda",
    "kft",
    "kgaa",
    "lda",
    "limited",
    "llc",
    "llp",
    "ltd",
    "ltda",
    "mbb",
    "nyrt",
    "ohg",
    "ood",
    "oyj",
    "pjsc",
    "plc",
    "pllc",
    "pte",
    "pty",
    "pvt",
    "rt",
    "sapa",
    "sarl",
    "sasu",
    "slu",
    "snc",
    "spolsro",
    "sprl",
    "spzoo",
    "srl",
    "srls",
    "sro",
    "tbk",
    "uab",
    "vof",
    "vos",
    "vzw",
    "xk",
    "zrt",
    "αε",
    "εε",
    "επε",
    "ικε",
    "οε",
    "ад",
    "ао",
    "ат",
    "еад",
    "еоод",
    "зао",
    "оао",
    "оод",
    "ооо",
    "пао",
    "прат",
    "тов",
    "тоо",
    "בעמ",
    "المحدوده",
    "ذمم",
    "شمم",
];

/// At the end too, but each is also a word, a name or the short name of a company.
const AMBIGUOUS: &[&str] = &[
    "ab", "ad", "ag", "as", "bt", "co", "company", "cv", "ek", "eg", "ev", "kg", "ks", "kd", "lp", "mb",
    "mbh", "nv", "og", "ou", "oy", "pc", "sa", "sas", "se", "sia", "sl", "spa", "ug", "dd", "is", "sti",
];

/// At the end, of several words.
const PHRASES: &[&[&str]] = &[
    &["sp", "z", "oo"],
    &["spolka", "z", "oo"],
    &["spolka", "z", "ograniczona", "odpowiedzialnoscia"],
    &["sp", "k"],
    &["sp", "j"],
    &["sp", "p"],
    &["s", "ro"],
    &["spol", "s", "ro"],
    &["spol", "sro"],
    &["spol", "s", "r", "o"],
    &["ltd", "sti"],
    &["limited", "sirketi"],
    &["anonim", "sirketi"],
    &["sdn", "bhd"],
    &["sa", "de", "cv"],
    &["sab", "de", "cv"],
    &["sas", "de", "cv"],
    &["spolka", "akcyjna"],
    &["s", "de", "rl", "de", "cv"],
    &["sapi", "de", "cv"],
    &["ug", "haftungsbeschrankt"],
    &["sa", "rl"],
    &["unipessoal", "lda"],
    &["limited", "liability", "company"],
    &["private", "limited"],
    &["gesellschaft", "mit", "beschrankter", "haftung"],
];

/// At the start.
const AT_START: &[&str] = &[
    "ооо", "оао", "зао", "пао", "ао", "ип", "тоо", "тов", "пп", "прат", "ат", "еоод", "оод", "شركه", "pt",
    "cv", "eurl", "sarl", "sasu", "uab",
];

/// At the start, of several words.
const PHRASES_AT_START: &[&[&str]] = &[
    &["cong", "ty", "tnhh"],
    &["cong", "ty", "co", "phan"],
    &["общество", "с", "ограниченной", "ответственностью"],
    &["акционерное", "общество"],
];

/// Without a blank between it and the name, at either end: scripts that write none.
const GLUED: &[&str] = &[
    "股份有限公司",
    "有限责任公司",
    "有限責任公司",
    "株式会社",
    "有限会社",
    "合同会社",
    "有限公司",
    "주식회사",
    "유한회사",
];
/// The short form of these in brackets: `(株)`, `(주)`, `㈱`.
const GLUED_SHORT: &[&str] = &["株", "有", "주", "유"];

/// Words that say what a company is and not which: alone they are no name.
const GENERIC: &[&str] = &[
    "agency",
    "associates",
    "bank",
    "bau",
    "bygg",
    "capital",
    "center",
    "centre",
    "club",
    "conseil",
    "construction",
    "consult",
    "consulting",
    "design",
    "digital",
    "energy",
    "engineering",
    "enterprises",
    "express",
    "finance",
    "foods",
    "group",
    "gruppe",
    "handel",
    "holding",
    "holdings",
    "hotel",
    "immobilien",
    "industries",
    "institut",
    "institute",
    "insurance",
    "international",
    "invest",
    "investment",
    "investments",
    "logistics",
    "logistik",
    "management",
    "marketing",
    "media",
    "office",
    "online",
    "partner",
    "partners",
    "pharma",
    "products",
    "properties",
    "restaurant",
    "service",
    "services",
    "servis",
    "shop",
    "software",
    "solutions",
    "spedition",
    "store",
    "studio",
    "systems",
    "team",
    "technik",
    "technologies",
    "technology",
    "telecom",
    "trade",
    "trading",
    "transport",
    "travel",
    "university",
    "ventures",
    "works",
];

/// Marks in the list of words where a quotation begins or ends: `SIA "Partners"`.
pub(super) const QUOTE: &str = "\"";

/// Takes the legal forms off, and the marks of quotations. Gives the forms. Something always stays.
pub(super) fn split(words: &mut Vec<String>) -> Vec<String> {
    let mut forms = Vec::new();
    // A form before a quotation: the name is what is quoted.
    if words.len() > 2 && words[1] == QUOTE && (is_end(&words[0]) || AMBIGUOUS.contains(&words[0].as_str())) {
        forms.push(words.remove(0));
    }
    words.retain(|word| word != QUOTE);
    unglue(words, &mut forms);
    while let Some(last) = words.last() {
        let fits = |phrase: &&&[&str]| words.len() > phrase.len() && ends_with(words, phrase);
        let phrase = PHRASES.iter().filter(fits).max_by_key(|phrase| phrase.len());
        let count = match phrase {
            Some(phrase) => phrase.len(),
            None if words.len() > 1 && is_end(last) => 1,
            None if words.len() > 1
                && AMBIGUOUS.contains(&last.as_str())
                && !is_generic(&words[..words.len() - 1]) =>
            {
                1
            }
            None => break,
        };
        forms.push(words.split_off(words.len() - count).join(" "));
    }
    let phrase = PHRASES_AT_START
        .iter()
        .find(|phrase| words.len() > phrase.len() && words.iter().zip(**phrase).all(|(a, b)| a == b));
    let count = match (phrase, &words[..]) {
        (Some(phrase), _) => phrase.len(),
        (None, [first, rest @ ..])
            if !rest.is_empty() && AT_START.contains(&first.as_str()) && !is_generic(rest) =>
        {
            1
        }
        _ => 0,
    };
    if count > 0 {
        forms.push(words.drain(..count).collect::<Vec<_>>().join(" "));
    }
    forms.iter_mut().for_each(shorten);
    forms.sort_unstable();
    forms
}

/// A form has one name, however it is written.
fn shorten(form: &mut String) {
    let short = match &**form {
        "limited" | "private limited" => "ltd",
        "incorporated" => "inc",
        "corporation" => "corp",
        "company" => "co",
        "limited liability company" => "llc",
        "s ro" | "spolsro" | "spol sro" | "spol s ro" | "spol s r o" => "sro",
        "spzoo" | "spolka z oo" | "spolka z ograniczona odpowiedzialnoscia" => "sp z oo",
        "spolka akcyjna" => "sa",
        "sa rl" => "sarl",
        "gesellschaft mit beschrankter haftung" | "gesmbh" => "gmbh",
        "ug haftungsbeschrankt" => "ug",
        "limited sirketi" => "ltd sti",
        "anonim sirketi" => "as",
        "общество с ограниченной ответственностью" => "ооо",
        "акционерное общество" => "ао",
        "株" => "株式会社",
        "有" => "有限会社",
        "주" => "주식회사",
        "유" => "유한회사",
        _ => return,
    };
    short.clone_into(form);
}

fn is_end(word: &str) -> bool {
    AT_END.contains(&word)
}

fn ends_with(words: &[String], phrase: &[&str]) -> bool {
    words[words.len() - phrase.len()..].iter().zip(phrase).all(|(word, part)| word == part)
}

/// Whether what would stay is a single word that any company may have.
fn is_generic(words: &[String]) -> bool {
    matches!(words, [only] if GENERIC.binary_search(&only.as_str()).is_ok())
}

fn unglue(words: &mut Vec<String>, forms: &mut Vec<String>) {
    let is_short = |word: &String| GLUED_SHORT.contains(&word.as_str());
    if words.len() > 1 {
        if words.first().is_some_and(is_short) {
            forms.push(words.remove(0));
        } else if words.last().is_some_and(is_short) {
            forms.extend(words.pop());
        }
    }
    let is_alone = |words: &[String], form: &str| words.len() == 1 && words[0] == form;
    for form in GLUED {
        if words.first().is_some_and(|word| word.starts_with(form)) && !is_alone(words, form) {
            words[0] = words[0][form.len()..].to_owned();
            forms.push((*form).to_owned());
        } else if words.last().is_some_and(|word| word.ends_with(form)) && !is_alone(words, form) {
            if let Some(last) = words.last_mut() {
                last.truncate(last.len() - form.len());
            }
            forms.push((*form).to_owned());
        }
        words.retain(|word| !word.is_empty());
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_list_of_generic_words_is_in_order() {
        assert!(super::GENERIC.is_sorted());
    }
}
