//! Vendors that do not exist, the same in each run, and how documents spell them: for measuring how well `match` finds.
//!
//! What the noise does is what scans, people and their keyboards do; nothing of it is taken from what the matcher can undo.

use std::collections::HashSet;

/// A country: owners' names, words for a branch, cities, legal forms, and whether the form stands first.
struct Country {
    names: &'static [&'static str],
    branches: &'static [&'static str],
    cities: &'static [&'static str],
    forms: &'static [&'static str],
    is_first: bool,
}

#[rustfmt::skip]
const COUNTRIES: [Country; 9] = [
    Country {
        names: &["Müller", "Schäfer", "Köhler", "Krüger", "Weiß", "Schröder", "Böhm", "Jäger", "Huber", "Wagner", "Becker", "Hoffmann", "Koch", "Richter", "Neumann", "Zimmermann", "Lehmann", "Maier", "Fuchs", "Vogel", "Keller", "Brandt", "Schuster", "Ziegler", "Kühn", "Pohl", "Engel", "Sauer", "Arnold", "Lindner"],
        branches: &["Bau", "Holzbau", "Stahlbau", "Elektrotechnik", "Logistik", "Spedition", "Druckerei", "Maschinenbau", "Werkzeuge", "Metallbau", "Kältetechnik", "Gebäudereinigung", "Bäckerei", "Möbel", "Verpackungen", "Immobilien", "Haustechnik", "Gartenbau", "Medizintechnik", "Büromöbel"],
        cities: &["München", "Köln", "Nürnberg", "Hamburg", "Dresden", "Leipzig", "Wien", "Graz", "Zürich", "Düsseldorf", "Ulm", "Kassel"],
        forms: &["GmbH", "GmbH & Co. KG", "AG", "KG", "OHG", "UG (haftungsbeschränkt)", "e.K."],
        is_first: false,
    },
    Country {
        names: &["Novák", "Svoboda", "Dvořák", "Černý", "Procházka", "Kučera", "Veselý", "Horák", "Němec", "Pokorný", "Marek", "Pospíšil", "Hájek", "Jelínek", "Král", "Růžička", "Beneš", "Fiala", "Sedláček", "Doležal", "Zeman", "Kolář", "Navrátil", "Čermák"],
        branches: &["stavby", "doprava", "elektro", "strojírna", "tiskárna", "pekárna", "nábytek", "servis", "potraviny", "obaly", "zahrady", "reality", "účetnictví", "energie", "sklo", "dřevo"],
        cities: &["Praha", "Brno", "Ostrava", "Plzeň", "Olomouc", "Liberec", "Košice", "Bratislava", "Žilina", "Zlín"],
        forms: &["s.r.o.", "a.s.", "spol. s r.o.", "v.o.s.", "s. r. o."],
        is_first: false,
    },
    Country {
        names: &["Kowalski", "Wiśniewski", "Wójcik", "Kamiński", "Zieliński", "Szymański", "Woźniak", "Dąbrowski", "Kozłowski", "Jankowski", "Mazur", "Krawczyk", "Piotrowski", "Grabowski", "Pawłowski", "Michalski", "Król", "Wieczorek", "Jabłoński", "Wróbel"],
        branches: &["Budownictwo", "Transport", "Usługi", "Drukarnia", "Meble", "Hurtownia", "Opakowania", "Elektryka", "Ogrody", "Piekarnia", "Nieruchomości", "Energia", "Stal", "Szkło"],
        cities: &["Warszawa", "Kraków", "Łódź", "Wrocław", "Poznań", "Gdańsk", "Lublin", "Katowice"],
        forms: &["Sp. z o.o.", "S.A.", "sp. k.", "sp. j."],
        is_first: false,
    },
    Country {
        names: &["Smith", "Johnson", "Williams", "Brown", "Taylor", "Davies", "Evans", "Walker", "Wright", "Robinson", "Thompson", "White", "Hughes", "Edwards", "Green", "Hall", "Clarke", "Jackson", "Turner", "Cooper", "Harris", "Morgan", "Mitchell", "Parker", "O'Brien", "Kelly", "Murphy", "Baker"],
        branches: &["Building", "Logistics", "Printing", "Foods", "Steel", "Timber", "Electrical", "Engineering", "Packaging", "Consulting", "Properties", "Furniture", "Cleaning", "Software", "Trading", "Catering", "Plumbing", "Solutions", "Services", "Partners"],
        cities: &["London", "Leeds", "Manchester", "Dublin", "Boston", "Denver", "Austin", "Glasgow", "Bristol", "Chicago"],
        forms: &["Ltd", "Limited", "Inc.", "LLC", "PLC", "Corp.", "LLP", "& Co. Ltd."],
        is_first: false,
    },
    Country {
        names: &["Dubois", "Lefèvre", "Moreau", "Girard", "Bonnet", "François", "Mercier", "Garnier", "Chevalier", "Lemaître", "Rousseau", "Gauthier", "Béranger", "Perrin", "Clément", "Morin", "Noël", "Fournier"],
        branches: &["Bâtiment", "Transports", "Imprimerie", "Boulangerie", "Menuiserie", "Électricité", "Nettoyage", "Emballages", "Conseil", "Immobilier", "Meubles", "Métallerie", "Énergie", "Jardins"],
        cities: &["Paris", "Lyon", "Nîmes", "Bordeaux", "Orléans", "Genève", "Lille", "Toulouse"],
        forms: &["SARL", "SAS", "S.A.", "EURL", "SNC"],
        is_first: false,
    },
    Country {
        names: &["Rossi", "Ferrari", "Esposito", "Bianchi", "Romano", "Colombo", "Ricci", "Marino", "Greco", "Conti", "Gallo", "Costa", "Fontana", "García", "Martínez", "Sánchez", "Pérez", "Gómez", "Jiménez", "Álvarez", "Muñoz", "Núñez"],
        branches: &["Costruzioni", "Trasporti", "Tipografia", "Arredamenti", "Impianti", "Alimentari", "Imballaggi", "Servizi", "Construcciones", "Transportes", "Muebles", "Instalaciones", "Alimentación", "Energía"],
        cities: &["Milano", "Roma", "Torino", "Napoli", "Madrid", "Málaga", "Sevilla", "Cádiz"],
        forms: &["S.r.l.", "S.p.A.", "S.L.", "S.A.", "S.n.c."],
        is_first: false,
    },
    Country {
        names: &["Andersson", "Sjöberg", "Lindström", "Nyström", "Åberg", "Sørensen", "Jørgensen", "Møller", "Østergaard", "Hansen", "Virtanen", "Mäkinen", "Hämäläinen", "Nilsen", "Bergström", "Håkansson"],
        branches: &["Bygg", "Transport", "Tryckeri", "Möbler", "Energi", "Städ", "Rör", "Konsult", "Maskin", "Fastigheter", "Rakennus", "Sähkö"],
        cities: &["Malmö", "Göteborg", "Århus", "København", "Oslo", "Tromsø", "Helsinki", "Jyväskylä"],
        forms: &["AB", "A/S", "ApS", "AS", "Oy"],
        is_first: false,
    },
    Country {
        names: &["Yılmaz", "Şahin", "Yıldız", "Öztürk", "Aydın", "Çelik", "Kılıç", "Aslan", "Doğan", "Güneş", "Işık", "Çetin"],
        branches: &["Elektrik", "İnşaat", "Nakliyat", "Gıda", "Mobilya", "Makine", "Tekstil", "Ambalaj"],
        cities: &["İstanbul", "Ankara", "İzmir", "Bursa", "Eskişehir"],
        forms: &["A.Ş.", "Ltd. Şti."],
        is_first: false,
    },
    Country {
        names: &["Иванов", "Соколов", "Лебедев", "Новиков", "Морозов", "Волков", "Заря", "Ромашка", "Восток", "Север", "Гранит", "Вектор"],
        branches: &["Строй", "Транс", "Энерго", "Торг", "Сервис", "Мебель", "Печать", "Металл"],
        cities: &["Москва", "Казань", "Самара", "Пермь", "Омск"],
        forms: &["ООО", "АО", "ЗАО"],
        is_first: true,
    },
];

/// Numbers that are the same in each run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % u64::try_from(bound.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.next(all.len())]
    }

    /// A made-up brand.
    pub(crate) fn brand(&mut self) -> String {
        let ends = ["x", "n", "s", "r", "l", "ta", "vis", "tec", "gro", "mat", "com", "lux"];
        let mut word = String::new();
        for _ in 0..2 {
            word.push_str(self.of(&[
                "b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "tr", "kr", "st", "pl",
            ]));
            word.push_str(self.of(&["a", "e", "i", "o", "u"]));
        }
        word.push_str(self.of(&ends));
        word[..1].make_ascii_uppercase();
        word
    }
}

/// A vendor by its parts; `key` is what makes it another one than all others.
#[derive(Clone)]
pub(crate) struct Vendor {
    country: usize,
    words: Vec<String>,
    form: &'static str,
}

impl Vendor {
    fn made(random: &mut Random) -> Self {
        let country = random.next(COUNTRIES.len());
        let Country { names, branches, cities, forms, .. } = &COUNTRIES[country];
        let is_brand = random.next(100) < 55 && country != 8;
        let mut words = vec![if is_brand { random.brand() } else { random.of(names).to_owned() }];
        if !is_brand && random.next(100) < 45 {
            words.push(random.of(names).to_owned());
        }
        words.push(random.of(branches).to_owned());
        if random.next(100) < 35 {
            words.push(random.of(cities).to_owned());
        }
        Self { country, words, form: random.of(forms) }
    }

    pub(crate) fn key(&self) -> String {
        self.words.join(" ").to_lowercase()
    }

    pub(crate) fn name(&self) -> String {
        self.written(&self.words, Some(self.form))
    }

    fn written(&self, words: &[String], form: Option<&str>) -> String {
        let name = words.join(" ");
        match form {
            None => name,
            Some(form) if COUNTRIES[self.country].is_first => format!("{form} «{name}»"),
            Some(form) => format!("{name} {form}"),
        }
    }

    /// The same owner in another branch or town, another owner in the same ones, or a brand that differs in a letter: not this
    /// vendor.
    fn neighbour(&self, random: &mut Random) -> Self {
        let mut other = self.clone();
        let Country { names, branches, cities, .. } = &COUNTRIES[self.country];
        let kinds = match random.next(20) {
            0..11 => branches,
            11..16 => cities,
            _ => names,
        };
        if let Some(place) = other.words.iter_mut().find(|word| kinds.contains(&word.as_str())) {
            random.of(kinds).clone_into(place);
        } else if random.next(3) > 0 {
            other.words[0] = random.brand();
        } else if let Some(at) = other.words[0].rfind(['a', 'e', 'i', 'o', 'u']) {
            other.words[0].replace_range(at..=at, random.of(&["a", "e", "i", "o", "u"]));
        }
        other
    }

    /// As a document may have it, with one to three things wrong; and its words.
    fn noisy(&self, random: &mut Random) -> (String, String) {
        let mut words = self.words.clone();
        let mut form = Some(self.form.to_owned());
        let (mut swaps, mut case) = (false, 0);
        let times = match random.next(100) {
            0..45 => 1,
            45..80 => 2,
            _ => 3,
        };
        for _ in 0..times {
            let at = random.next(words.len());
            match random.next(11) {
                0 | 1 => words[at] = typo(&words[at], random),
                2 => words[at] = scanned(&words[at], random),
                3 => form = None,
                4 => swaps = true,
                5 => words[at] = shortened(&words[at]),
                6 if words.len() > 2 => drop(words.remove(at)),
                6 | 7 => case = 1 + random.next(2),
                // As one word, and with the town of the sender behind it.
                8 if words.len() > 2 => {
                    let next = words.remove(1);
                    words[0] += &next.to_lowercase();
                }
                9 => words.push(random.of(COUNTRIES[self.country].cities).to_owned()),
                _ => words.iter_mut().for_each(|word| *word = plain(word)),
            }
        }
        if swaps {
            let last = words.len() - 1;
            words.swap(0, last);
        }
        let text = self.written(&words, form.as_deref());
        let text = match case {
            0 => text,
            1 => text.to_uppercase(),
            _ => text.to_lowercase(),
        };
        (text, sorted(&words))
    }
}

/// Words whatever their order, case and marks.
fn sorted(words: &[String]) -> String {
    let mut words: Vec<String> = words.iter().map(|word| plain(word).to_lowercase()).collect();
    words.sort();
    words.join(" ")
}

fn typo(word: &str, random: &mut Random) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    if letters.len() < 3 {
        return word.to_owned();
    }
    let at = random.next(letters.len() - 1);
    let another = letters[random.next(letters.len())];
    match random.next(4) {
        0 => drop(letters.remove(at)),
        1 => letters.insert(at, another),
        2 => {
            letters[at] = if letters[at].is_ascii() {
                char::from(b'a' + u8::try_from(random.next(26)).unwrap_or(0))
            } else {
                another
            }
        }
        _ => letters.swap(at, at + 1),
    }
    letters.into_iter().collect()
}

/// One letter, or all of a kind, read as what looks like it.
fn scanned(word: &str, random: &mut Random) -> String {
    let alike = [
        ("o", "0"),
        ("O", "0"),
        ("l", "1"),
        ("I", "1"),
        ("m", "rn"),
        ("rn", "m"),
        ("S", "5"),
        ("B", "8"),
        ("e", "c"),
        ("i", "l"),
        ("u", "v"),
        ("t", "f"),
        ("h", "b"),
    ];
    let fitting: Vec<_> = alike.iter().filter(|(from, _)| word.contains(from)).collect();
    if fitting.is_empty() {
        return word.to_owned();
    }
    let (from, to) = fitting[random.next(fitting.len())];
    word.replacen(from, to, 1 + random.next(2))
}

fn shortened(word: &str) -> String {
    if word.chars().count() < 6 { word.to_owned() } else { word.chars().take(4).collect::<String>() + "." }
}

/// As a keyboard without these letters has it: `ue` for `ü` where Germans write, the letter without its mark elsewhere.
fn plain(word: &str) -> String {
    #[rustfmt::skip]
    const MARKED: [(&str, &str); 60] = [
        ("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("Ä", "Ae"), ("Ö", "Oe"), ("Ü", "Ue"), ("ß", "ss"), ("ø", "oe"), ("Ø", "Oe"), ("å", "aa"), ("Å", "Aa"),
        ("é", "e"), ("è", "e"), ("ê", "e"), ("ë", "e"), ("É", "E"), ("â", "a"), ("á", "a"), ("Á", "A"), ("î", "i"), ("í", "i"), ("ó", "o"), ("ú", "u"), ("ů", "u"),
        ("ç", "c"), ("Ç", "C"), ("ñ", "n"), ("č", "c"), ("Č", "C"), ("ř", "r"), ("š", "s"), ("Š", "S"), ("ž", "z"), ("Ž", "Z"), ("ý", "y"), ("ě", "e"), ("ď", "d"),
        ("ť", "t"), ("ň", "n"), ("ą", "a"), ("ę", "e"), ("ł", "l"), ("Ł", "L"), ("ń", "n"), ("ś", "s"), ("Ś", "S"), ("ź", "z"), ("ż", "z"), ("Ż", "Z"), ("ć", "c"),
        ("ş", "s"), ("Ş", "S"), ("ğ", "g"), ("ı", "i"), ("İ", "I"), ("ô", "o"), ("û", "u"), ("à", "a"), ("ù", "u"), ("ï", "i"),
    ];
    MARKED.iter().fold(word.to_owned(), |word, (from, to)| word.replace(from, to))
}

/// A list of vendors, documents of some of them, and documents of vendors that are not in it.
pub(crate) struct Benchmark {
    pub(crate) vendors: Vec<Vendor>,
    /// What a document says, and the place of its vendor in the list.
    pub(crate) noisy: Vec<(String, usize)>,
    pub(crate) absent: Vec<String>,
}

impl Benchmark {
    pub(crate) fn new(seed: u64, vendors: usize, noisy: usize, absent: usize) -> Self {
        let mut random = Random::new(seed);
        let mut keys = HashSet::new();
        let mut all = Vec::with_capacity(vendors);
        let mut unique = 0_u64;
        while all.len() < vendors {
            let mut vendor = Vendor::made(&mut random);
            // A million need more names than there are.
            if all.len() > 20_000 {
                vendor.words[0] = format!("{}{}", random.brand(), random.brand().to_lowercase());
            }
            unique += 1;
            if keys.insert(vendor.key()) {
                all.push(vendor);
            }
            assert!(unique < 20 * vendors as u64 + 1_000, "the lists are too short for so many names");
        }
        let known: HashSet<String> = all.iter().map(|vendor| sorted(&vendor.words)).collect();
        let noisy = (0..noisy)
            .map(|_| {
                loop {
                    let at = random.next(all.len());
                    let (text, words) = all[at].noisy(&mut random);
                    // With a word left out it may be another vendor's name to the letter: then it asks for that one.
                    if words == sorted(&all[at].words) || !known.contains(&words) {
                        break (text, at);
                    }
                }
            })
            .collect();
        let mut missing = Vec::with_capacity(absent);
        while missing.len() < absent {
            // Some are neighbours of a vendor in the list: the same owner, another branch.
            let vendor = if random.next(100) < 65 {
                let of = random.next(all.len());
                all[of].neighbour(&mut random)
            } else {
                Vendor::made(&mut random)
            };
            let is_clean = random.next(2) == 0;
            let (text, words) =
                if is_clean { (vendor.name(), sorted(&vendor.words)) } else { vendor.noisy(&mut random) };
            // In another order it is the name of one that is there; and with a word left out it may be.
            if !known.contains(&sorted(&vendor.words)) && !known.contains(&words) {
                missing.push(text);
            }
        }
        Self { vendors: all, noisy, absent: missing }
    }
}
