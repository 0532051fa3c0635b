//! When something ends: seconds as a number or a text, or a date as people write it.

use waypost_domain::Timestamp;

use crate::json::{Json, integer, text};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// `1641330498`, `"1641330498"`, `"January 31, 2021"`; a date is its first moment in UTC. `None` for anything else.
pub(super) fn moment(json: Json<'_>) -> Option<Timestamp> {
    if let Some(seconds) = integer(json) {
        return (seconds > 0).then(|| Timestamp::from_wire(seconds));
    }
    let date = text(json)?;
    let words: Vec<&str> = date.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let [month, day, year] = words[..] else { return None };
    let month = month.get(..3)?.to_ascii_lowercase();
    let month = MONTHS.iter().position(|name| *name == month)?;
    let (day, year) = (day.parse().ok()?, year.parse().ok()?);
    let is_date = (1..=31).contains(&day) && (1970..=9999).contains(&year);
    is_date.then(|| Timestamp::from_millis(days_since_1970(year, i64::try_from(month + 1).unwrap_or(1), day) * DAY_MS))
}

/// Of the Gregorian calendar, by counting years from March on: a leap day is then the last of its year.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let months_since_march = (month + 9) % 12;
    let day_of_year = (153 * months_since_march + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use serde_json::value::to_raw_value;

    use super::*;

    #[test]
    fn moments_are_read_however_they_are_written() {
        let cases = [
            (serde_json::json!(1_641_330_498), Some(1_641_330_498_000)),
            (serde_json::json!("1641330498"), Some(1_641_330_498_000)),
            (serde_json::json!(1_641_330_498_123_i64), Some(1_641_330_498_123)),
            (serde_json::json!("January 31, 2021"), Some(1_612_051_200_000)),
            (serde_json::json!("April 17, 2025"), Some(1_744_848_000_000)),
            (serde_json::json!("Feb 29 2024"), Some(1_709_164_800_000)),
            (serde_json::json!("January 1, 1970"), Some(0)),
            (serde_json::json!("<TIMESTAMP>"), None),
            (serde_json::json!("31 January 2021"), None),
            (serde_json::json!(0), None),
            (serde_json::json!(null), None),
        ];
        for (json, want) in cases {
            let raw = to_raw_value(&json).unwrap();
            assert_eq!(moment(Some(&raw)).map(Timestamp::as_millis), want, "{json}");
        }
    }
}
