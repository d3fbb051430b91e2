//! Encodings of files by their names: those of the web (WHATWG, "Encoding"), and those of DOS, which ERPs still write.

use encoding_rs::{Decoder, DecoderResult, UTF_8, UTF_16BE, UTF_16LE};
use oem_cp::code_table::{
    DECODING_TABLE_CP437, DECODING_TABLE_CP850, DECODING_TABLE_CP852, DECODING_TABLE_CP858,
};

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Web(&'static encoding_rs::Encoding),
    Dos(Dos),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dos {
    Cp437,
    Cp850,
    Cp852,
    Cp858,
}

impl Dos {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Cp437, "437"), (Self::Cp850, "850"), (Self::Cp852, "852"), (Self::Cp858, "858")];

    fn name(self) -> &'static str {
        match self {
            Self::Cp437 => "cp437",
            Self::Cp850 => "cp850",
            Self::Cp852 => "cp852",
            Self::Cp858 => "cp858",
        }
    }

    /// The signs of the bytes from 0x80.
    fn table(self) -> &'static [char; 128] {
        match self {
            Self::Cp437 => &DECODING_TABLE_CP437,
            Self::Cp850 => &DECODING_TABLE_CP850,
            Self::Cp852 => &DECODING_TABLE_CP852,
            Self::Cp858 => &DECODING_TABLE_CP858,
        }
    }
}

impl Encoding {
    pub const UTF_8: Self = Self(Kind::Web(UTF_8));

    /// By its name, as `windows-1250`, `cp1250`, `latin2`, `utf-16le`, `cp852` or `ibm852`.
    pub fn of(name: &str) -> Option<Self> {
        let plain: String =
            name.trim().to_ascii_lowercase().chars().filter(|c| !matches!(c, '-' | '_' | ' ')).collect();
        let number = ["cp", "ibm", "dos", "oem", ""].iter().find_map(|before| plain.strip_prefix(before));
        let number = number.map(|number| number.trim_start_matches('0')).unwrap_or_default();
        if let Some((dos, _)) = Dos::ALL.iter().find(|(_, known)| *known == number) {
            return Some(Self(Kind::Dos(*dos)));
        }
        let of = |label: &str| encoding_rs::Encoding::for_label_no_replacement(label.as_bytes());
        let web =
            of(name).or_else(|| (number.len() == 4).then(|| of(&format!("windows-{number}"))).flatten());
        web.map(|web| Self(Kind::Web(web)))
    }

    /// What a mark at the beginning of a file says (BOM), and how long it is.
    pub(super) fn of_mark(bytes: &[u8]) -> Option<(Self, usize)> {
        let (web, length) = encoding_rs::Encoding::for_bom(bytes)?;
        Some((Self(Kind::Web(web)), length))
    }

    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Web(web) => web.name(),
            Kind::Dos(dos) => dos.name(),
        }
    }

    pub(super) fn is_utf_16(self) -> bool {
        matches!(self.0, Kind::Web(web) if web == UTF_16LE || web == UTF_16BE)
    }

    pub(super) fn decoder(self) -> Decoding {
        match self.0 {
            Kind::Web(web) => Decoding::Web(web.new_decoder_without_bom_handling()),
            Kind::Dos(dos) => Decoding::Dos(dos.table()),
        }
    }
}

/// A text on its way into UTF-8.
pub(super) enum Decoding {
    Web(Decoder),
    Dos(&'static [char; 128]),
}

impl Decoding {
    /// Adds what these bytes stand for; `is_last` where no others follow. False where they stand for nothing: then what
    /// came before has been added.
    pub(super) fn add(&mut self, mut bytes: &[u8], is_last: bool, to: &mut Vec<u8>) -> bool {
        match self {
            Self::Web(decoder) => loop {
                let room = decoder.max_utf8_buffer_length_without_replacement(bytes.len());
                let from = to.len();
                to.resize(from + room.unwrap_or(4 * bytes.len() + 16), 0);
                let (result, read, written) =
                    decoder.decode_to_utf8_without_replacement(bytes, &mut to[from..], is_last);
                to.truncate(from + written);
                bytes = &bytes[read..];
                match result {
                    DecoderResult::InputEmpty => return true,
                    DecoderResult::OutputFull => {}
                    DecoderResult::Malformed(..) => return false,
                }
            },
            Self::Dos(table) => {
                for byte in bytes {
                    match table.get(usize::from(byte.wrapping_sub(0x80))) {
                        Some(sign) if *byte >= 0x80 => {
                            to.extend_from_slice(sign.encode_utf8(&mut [0; 4]).as_bytes());
                        }
                        _ => to.push(*byte),
                    }
                }
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(name: &str, bytes: &[u8]) -> Option<String> {
        let mut to = Vec::new();
        let is_good = Encoding::of(name).unwrap().decoder().add(bytes, true, &mut to);
        is_good.then(|| String::from_utf8(to).unwrap())
    }

    #[test]
    fn encodings_are_known_by_all_their_names() {
        for (name, known) in [
            ("cp852", "cp852"),
            ("IBM852", "cp852"),
            ("852", "cp852"),
            ("DOS-852", "cp852"),
            ("ibm00858", "cp858"),
            ("cp437", "cp437"),
            ("oem850", "cp850"),
            ("cp1250", "windows-1250"),
            ("1250", "windows-1250"),
            ("Windows-1250", "windows-1250"),
            ("latin2", "ISO-8859-2"),
            ("utf8", "UTF-8"),
            ("utf-16be", "UTF-16BE"),
        ] {
            assert_eq!(Encoding::of(name).map(Encoding::name), Some(known), "{name}");
        }
        for name in ["klingon", "", "cp", "cp999", "iso-2022-kr", "000"] {
            assert_eq!(Encoding::of(name), None, "{name}");
        }
    }

    #[test]
    fn texts_of_dos_and_windows_are_decoded() {
        // "Žluťoučký kůň" in both: from `iconv -t CP852` and `-t CP1250`.
        let dos = [0xa6, b'l', b'u', 0x9c, b'o', b'u', 0x9f, b'k', 0xec, b' ', b'k', 0x85, 0xe5];
        assert_eq!(decoded("cp852", &dos).as_deref(), Some("Žluťoučký kůň"));
        let windows = [0x8e, b'l', b'u', 0x9d, b'o', b'u', 0xe8, b'k', 0xfd, b' ', b'k', 0xf9, 0xf2];
        assert_eq!(decoded("cp1250", &windows).as_deref(), Some("Žluťoučký kůň"));
        assert_eq!(decoded("utf-8", b"a\xff"), None);
        assert_eq!(decoded("utf-16le", b"a\0b"), None, "half a sign");
    }
}
