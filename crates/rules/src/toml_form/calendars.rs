//! Reading `[[calendars]]`.

use toml::de::{DeTable, DeValue};
use waypost_domain::calendar::{Calendar, Date, Holiday, Shift, TimeOfDay, Weekday, WeeklyHours};

use super::read::text_of;
use super::tree::{Reader, Value, join};

impl Reader {
    pub(super) fn calendar(&mut self, value: &Value<'_>) -> Option<Calendar> {
        let table = self.table(value, "calendars")?;
        let prefix = format!("calendars.{}", text_of(table, "name"));
        let (mut name, mut zone, mut hours, mut holidays) = (None, None, Vec::new(), Vec::new());
        for (key, value) in table {
            let field = join(&prefix, key.get_ref());
            match key.get_ref().as_ref() {
                "name" => name = self.calendar_name(value, &field),
                "zone" => zone = self.string(value, &field).map(str::to_owned),
                "hours" => {
                    for item in self.array(value, &field).into_iter().flat_map(|items| items.iter()) {
                        hours.extend(self.weekly_hours(item, &field));
                    }
                }
                "holidays" => {
                    for item in self.array(value, &field).into_iter().flat_map(|items| items.iter()) {
                        holidays.extend(self.holiday(item, &field));
                    }
                }
                _ => self.unknown_key(key, &prefix, &["name", "zone", "hours", "holidays"]),
            }
        }
        self.required(table, value, "calendars", "name");
        self.required(table, value, &prefix, "zone");
        Some(Calendar { name: name?, zone: zone?, hours, holidays })
    }

    fn weekly_hours(&mut self, value: &Value<'_>, field: &str) -> Option<WeeklyHours> {
        let table = self.table(value, field)?;
        let mut days = Vec::new();
        for key in table.keys() {
            if !["days", "from", "to"].contains(&key.get_ref().as_ref()) {
                self.unknown_key(key, field, &["days", "from", "to"]);
            }
        }
        for item in table.get("days").map(Self::one_or_many).unwrap_or_default() {
            let Some(text) = self.string(item, &join(field, "days")) else { continue };
            match parse_days(text) {
                Some(some) => days.extend(some),
                None => self.error(item, &join(field, "days"), no_days(text)),
            }
        }
        days.sort_unstable();
        days.dedup();
        self.required(table, value, field, "days");
        Some(WeeklyHours { days, shift: self.shift(table, value, field)? })
    }

    fn shift(&mut self, table: &DeTable<'_>, value: &Value<'_>, field: &str) -> Option<Shift> {
        let mut time = |key: &str| {
            self.required(table, value, field, key);
            let value = table.get(key)?;
            let text = self.string(value, &join(field, key))?;
            let time = TimeOfDay::parse(text);
            if time.is_none() {
                self.error(value, &join(field, key), "must be a time such as \"09:30\"");
            }
            time
        };
        let (from, to) = (time("from"), time("to"));
        Some(Shift { from: from?, to: to? })
    }

    fn holiday(&mut self, value: &Value<'_>, field: &str) -> Option<Holiday> {
        let table = self.table(value, field)?;
        let (mut date, mut name, mut shifts) = (None, String::new(), Vec::new());
        for (key, value) in table {
            let path = join(field, key.get_ref());
            match key.get_ref().as_ref() {
                "date" => {
                    let text = match value.get_ref() {
                        DeValue::Datetime(date) => date.to_string(),
                        _ => self.string(value, &path).unwrap_or_default().to_owned(),
                    };
                    date = Date::parse(&text);
                    if date.is_none() {
                        self.error(value, &path, "must be a date such as 2026-12-25");
                    }
                }
                "name" => name = self.string(value, &path).unwrap_or_default().to_owned(),
                "hours" => {
                    for item in Self::one_or_many(value) {
                        if let Some(table) = self.table(item, &path) {
                            shifts.extend(self.shift(table, item, &path));
                        }
                    }
                }
                _ => self.unknown_key(key, field, &["date", "name", "hours"]),
            }
        }
        self.required(table, value, field, "date");
        Some(Holiday { date: date?, name, shifts })
    }
}

/// `mon`, `mon-fri`, `sat-mon`.
fn parse_days(text: &str) -> Option<Vec<Weekday>> {
    let Some((first, last)) = text.split_once('-') else { return Some(vec![Weekday::parse(text)?]) };
    let (first, last) = (Weekday::parse(first)? as usize, Weekday::parse(last)? as usize);
    let count = (last + 7 - first) % 7 + 1;
    Some((0..count).map(|n| Weekday::ALL[(first + n) % 7]).collect())
}

fn no_days(text: &str) -> String {
    let days: Vec<&str> = Weekday::ALL.iter().map(|day| day.as_str()).collect();
    let parts = text.split(['-', '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}']);
    let meant: Option<Vec<&str>> = parts.map(|part| meant_day(part.trim())).collect();
    let hint = match meant.as_deref() {
        Some([one]) => format!("did you mean \"{one}\"?"),
        Some([first, last]) => format!("did you mean \"{first}-{last}\"?"),
        _ => "a range is \"mon-fri\", several days are a list".to_owned(),
    };
    format!("{text:?} is none of {}; {hint}", days.join(", "))
}

/// Of `Mon`, `monday`, `tues`.
fn meant_day(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    let day = Weekday::parse(lower.get(..3)?)?;
    let is_meant = format!("{day:?}").to_lowercase().starts_with(lower.trim_end_matches('.'));
    is_meant.then_some(day.as_str())
}
