//! In which lines of a JSON text the parts of a list or an object begin.

/// The items of the outermost list or the keys of the outermost object, each with the line where it begins; of `within`,
/// the same of what stands under this key. The text is JSON: of another it finds some of them, or none.
pub(super) fn lines_of(text: &str, within: Option<&str>) -> Vec<(String, usize)> {
    let mut found = Scan { text, at: 0 }.children();
    if let Some(key) = within {
        let start = found.iter().find(|child| child.name == key).map(|child| child.value);
        found = start.map(|at| Scan { text, at }.children()).unwrap_or_default();
    }
    let (mut line, mut last) = (1, 0);
    let mut with_lines = Vec::with_capacity(found.len());
    for Child { name, start, .. } in found {
        line += text.get(last..start).map_or(0, |between| between.matches('\n').count());
        last = start;
        with_lines.push((name, line));
    }
    with_lines
}

struct Child {
    /// Its key, or its number.
    name: String,
    start: usize,
    /// Where its value begins.
    value: usize,
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
}

impl Scan<'_> {
    fn children(mut self) -> Vec<Child> {
        let mut found = Vec::new();
        let is_object = match self.next_sign() {
            Some(b'{') => true,
            Some(b'[') => false,
            _ => return found,
        };
        self.at += 1;
        while let Some(sign) = self.next_sign() {
            match sign {
                b'}' | b']' => break,
                b',' => {
                    self.at += 1;
                    continue;
                }
                _ => {}
            }
            let start = self.at;
            let mut name = found.len().to_string();
            if is_object {
                let key = self.string().and_then(|key| serde_json::from_str(key).ok());
                let (Some(key), Some(b':')) = (key, self.next_sign()) else { break };
                name = key;
                self.at += 1;
                self.next_sign();
            }
            let value = self.at;
            self.skip();
            if self.at == start {
                break;
            }
            found.push(Child { name, start, value });
        }
        found
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no blank, which stays the next one.
    fn next_sign(&mut self) -> Option<u8> {
        while self.byte()?.is_ascii_whitespace() {
            self.at += 1;
        }
        self.byte()
    }

    /// A text with its quotes.
    fn string(&mut self) -> Option<&str> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.byte()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        self.text.get(start..self.at)
    }

    /// Goes behind a value.
    fn skip(&mut self) {
        let mut depth = 0_usize;
        while let Some(sign) = self.byte() {
            match sign {
                b'"' => {
                    if self.string().is_none() {
                        return;
                    }
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' | b',' if depth == 0 => return,
                b'}' | b']' => {
                    depth -= 1;
                    self.at += 1;
                }
                _ => {
                    self.at += 1;
                    continue;
                }
            }
            if depth == 0 {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::lines_of;

    fn lines(text: &str, within: Option<&str>) -> Vec<(String, usize)> {
        lines_of(text, within)
    }

    #[test]
    fn each_part_is_found_in_its_line() {
        let of = |all: &[(&str, usize)]| -> Vec<(String, usize)> {
            all.iter().map(|(name, line)| ((*name).to_owned(), *line)).collect()
        };
        let list = "\n[1,\n {\"a\": \"}\\\"]\"\n},\n\n\"x\", null\n]";
        assert_eq!(lines(list, None), of(&[("0", 2), ("1", 3), ("2", 6), ("3", 6)]));
        let page = "{\"pagination\": {},\n\"res\\u0075lts\": [\n{\"a\": [1, 2]},\n{}\n]}";
        assert_eq!(lines(page, None), of(&[("pagination", 1), ("results", 2)]));
        assert_eq!(lines(page, Some("results")), of(&[("0", 3), ("1", 4)]));
        assert_eq!(lines(page, Some("other")), of(&[]));
        for (text, found) in
            [("", 0), ("5", 0), ("[", 0), ("[1", 1), ("{\"a", 0), ("[]", 0), ("{\"a\":", 1), ("[\"", 1)]
        {
            assert_eq!(lines(text, None).len(), found, "{text}");
        }
    }
}
