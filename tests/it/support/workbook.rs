//! Workbooks (XLSX) as a test needs them: parts of XML in a ZIP file that is not compressed.

use std::fmt::Write as _;

/// A sheet: its name, its state (`visible`, `hidden`, `veryHidden`) and its rows as XML.
pub(crate) struct Sheet<'s>(pub(crate) &'s str, pub(crate) &'s str, pub(crate) String);

/// A cell with this reference, text in it.
pub(crate) fn text(at: &str, text: &str) -> String {
    format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
}

/// A number; `format` counts the formats of the workbook from 1.
pub(crate) fn number(at: &str, format: usize, number: &str) -> String {
    format!("<c r=\"{at}\" s=\"{format}\"><v>{number}</v></c>")
}

pub(crate) fn row(number: usize, cells: &[String]) -> String {
    format!("<row r=\"{number}\">{}</row>", cells.concat())
}

/// Rows of texts, from the first row and column.
pub(crate) fn texts(rows: &[&[&str]]) -> String {
    let cell = |row: usize, column: usize, value: &str| {
        let letter = char::from(b'A' + u8::try_from(column).unwrap());
        text(&format!("{letter}{row}"), value)
    };
    let row_of = |(at, values): (usize, &&[&str])| {
        let cells: Vec<_> =
            values.iter().enumerate().map(|(column, value)| cell(at, column, value)).collect();
        row(at, &cells)
    };
    (1..).zip(rows).map(row_of).collect()
}

pub(crate) fn workbook(sheets: &[Sheet<'_>], formats: &[&str]) -> Vec<u8> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const RELATIONS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
    const DOCUMENT: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let (mut list, mut links, mut files) = (String::new(), String::new(), Vec::new());
    for (at, Sheet(name, state, rows)) in (1..).zip(sheets) {
        write!(list, "<sheet name=\"{name}\" sheetId=\"{at}\" state=\"{state}\" r:id=\"rId{at}\"/>").unwrap();
        write!(
            links,
            "<Relationship Id=\"rId{at}\" Type=\"{DOCUMENT}/worksheet\" Target=\"worksheets/sheet{at}.xml\"/>"
        )
        .unwrap();
        let sheet = format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>");
        files.push((format!("xl/worksheets/sheet{at}.xml"), sheet));
    }
    write!(links, "<Relationship Id=\"rIdS\" Type=\"{DOCUMENT}/styles\" Target=\"styles.xml\"/>").unwrap();
    let (mut codes, mut styles) = (String::new(), String::from("<xf numFmtId=\"0\"/>"));
    for (id, code) in (164..).zip(formats) {
        let code = code.replace('"', "&quot;");
        write!(codes, "<numFmt numFmtId=\"{id}\" formatCode=\"{code}\"/>").unwrap();
        write!(styles, "<xf numFmtId=\"{id}\" applyNumberFormat=\"1\"/>").unwrap();
    }
    let count = formats.len();
    files.push((
        "xl/styles.xml".to_owned(),
        format!(
            "<styleSheet xmlns=\"{MAIN}\"><numFmts count=\"{count}\">{codes}</numFmts><fonts count=\"1\"><font/></fonts>\
             <fills count=\"1\"><fill/></fills><borders count=\"1\"><border/></borders>\
             <cellXfs count=\"{}\">{styles}</cellXfs></styleSheet>",
            count + 1
        ),
    ));
    files.push((
        "xl/workbook.xml".to_owned(),
        format!("<workbook xmlns=\"{MAIN}\" xmlns:r=\"{DOCUMENT}\"><sheets>{list}</sheets></workbook>"),
    ));
    files.push((
        "xl/_rels/workbook.xml.rels".to_owned(),
        format!("<Relationships xmlns=\"{RELATIONS}\">{links}</Relationships>"),
    ));
    files.push((
        "_rels/.rels".to_owned(),
        format!(
            "<Relationships xmlns=\"{RELATIONS}\"><Relationship Id=\"rId1\" Type=\"{DOCUMENT}/officeDocument\" \
             Target=\"xl/workbook.xml\"/></Relationships>"
        ),
    ));
    zip(&files)
}

/// Files in a ZIP file (PKWARE's APPNOTE, 4.3), stored as they are.
fn zip(files: &[(String, String)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    let two = |number: usize| u16::try_from(number).unwrap().to_le_bytes();
    let four = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    for (name, text) in files {
        let at = out.len();
        let mut head = Vec::new();
        head.extend([20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0]); // version, flags, method, time, date
        head.extend(crc(text.as_bytes()).to_le_bytes());
        head.extend([four(text.len()), four(text.len())].concat());
        head.extend([two(name.len()), two(0)].concat());
        out.extend(b"PK\x03\x04");
        out.extend(&head);
        out.extend(name.as_bytes());
        out.extend(text.as_bytes());
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&head);
        directory.extend([0; 10]); // remark, disk, attributes
        directory.extend(four(at));
        directory.extend(name.as_bytes());
    }
    let (at, count) = (out.len(), two(files.len()));
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([count, count].concat());
    out.extend([four(directory.len()), four(at)].concat());
    out.extend([0, 0]);
    out
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}
