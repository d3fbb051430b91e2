//! XLSX: the first sheet of a workbook, whose first row names the columns.

use std::path::Path;

use calamine::{Data, Reader as _, Xlsx, open_workbook};

use super::{ReadError, Records};

pub(super) fn read(path: &Path) -> Result<Records, ReadError> {
    let whole = |problem: &dyn std::fmt::Display| ReadError::Whole(format!("{}: {problem}", path.display()));
    let mut book: Xlsx<_> = open_workbook(path).map_err(|problem: calamine::XlsxError| whole(&problem))?;
    let sheet = book.worksheet_range_at(0).ok_or_else(|| whole(&"it has no sheet"))?;
    let sheet = sheet.map_err(|problem| whole(&problem))?;
    let first = u64::from(sheet.start().map_or(0, |(row, _)| row)) + 1;
    let mut rows = sheet.rows();
    let header = rows.next().ok_or_else(|| whole(&"its first sheet is empty"))?;
    let columns: Vec<String> = header.iter().map(|cell| text(cell).unwrap_or_default()).collect();
    let records: Vec<_> = (first + 1..)
        .zip(rows)
        .filter(|(_, row)| row.iter().any(|cell| *cell != Data::Empty))
        .map(|(line, row)| {
            let cell = |cell: &Data| match cell {
                Data::Error(error) => {
                    Err(ReadError::Line { line, problem: format!("a cell holds the error {error}") })
                }
                cell => Ok(text(cell)),
            };
            Ok((line, row.iter().map(cell).collect::<Result<_, _>>()?))
        })
        .collect();
    Ok(Records { columns, separator: None, records: Box::new(records.into_iter()) })
}

/// A cell as text: whole numbers without a point, dates as ISO has them.
fn text(cell: &Data) -> Option<String> {
    Some(match cell {
        Data::Empty => return None,
        Data::DateTime(time) => {
            let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
            if (hour, minute, second) == (0, 0, 0) {
                format!("{year:04}-{month:02}-{day:02}")
            } else {
                format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
            }
        }
        other => other.to_string().trim().to_owned(),
    })
}
