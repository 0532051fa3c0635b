//! What refuses policy data: it would decide wrongly, or not at all.

use waypost_domain::calendar::TimeOfDay;
use waypost_domain::{Category, country, language};

use super::{CampaignData, Cap, DataError, PolicyData, Quiet, StoppingData};
use crate::spend::{Amount, CATEGORIES, PRICE_MAX, Prices, SpendData};

/// Meta's own bounds for how long a code is tried to be delivered, in seconds ("Time-to-live").
const CODE_TTL_S: std::ops::RangeInclusive<u32> = 30..=900;
/// Entries of a list at most.
const LIST_MAX: usize = 10_000;
/// Minutes of the longest period: what was sent has to be remembered that long.
const PERIOD_MINUTES_MAX: u32 = 90 * 24 * 60;
/// In which clocks all over the world agree on minutes.
const QUARTER_MINUTES: u16 = 15;
/// Characters of the text that confirms a stop: it is one sentence.
const CONFIRMATION_CHARS_MAX: usize = 1024;

pub(super) fn errors(data: &PolicyData) -> Vec<DataError> {
    let mut checker = Checker { errors: Vec::new() };
    checker.numbers(data);
    checker.templates(data);
    checker.countries(data);
    checker.quiet_hours(data);
    checker.campaigns(&data.campaigns);
    checker.stopping(&data.stopping);
    if let Some(spend) = &data.spend {
        checker.spend(spend);
    }
    checker.errors
}

struct Checker {
    errors: Vec<DataError>,
}

impl Checker {
    fn error(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.errors.push(DataError { field: field.into(), line: None, problem: problem.into() });
    }

    fn numbers(&mut self, data: &PolicyData) {
        for (field, seconds) in [("recheck_s", data.recheck_s), ("recheck_soon_s", data.recheck_soon_s)] {
            if !(1..=86_400).contains(&seconds) {
                self.error(field, "must be 1 to 86400 seconds");
            }
        }
        for (at, cap) in data.frequency.iter().enumerate() {
            self.cap(*cap, &format!("frequency[{at}]"));
        }
        self.cap(data.automatic, "automatic");
        if data.messaging_limit.reserve_percent > 90 {
            self.error("messaging_limit.reserve_percent", "must be 0 to 90");
        }
        if data.messaging_limit.unknown_tier == 0 || data.messaging_limit.tiers.values().any(|places| *places == 0) {
            self.error("messaging_limit.tiers", "a tier of 0 customers would let nothing go");
        }
        if !CODE_TTL_S.contains(&data.codes.ttl_default_s) {
            self.error("codes.ttl_default_s", "must be 30 to 900 seconds");
        }
    }

    fn cap(&mut self, cap: Cap, field: &str) {
        if cap.messages == 0 {
            self.error(format!("{field}.messages"), "must be at least 1");
        }
        if cap.period_minutes == 0 || cap.period_minutes > PERIOD_MINUTES_MAX {
            self.error(format!("{field}.period_minutes"), "must be 1 minute to 90 days");
        }
    }

    fn templates(&mut self, data: &PolicyData) {
        for (wanted, instead) in &data.templates.language_fallback {
            let field = format!("templates.language_fallback.{wanted}");
            if wanted != "any" && !language::is_tag(wanted) {
                self.error(&field, "is no language; they look like pt_BR, or any");
            }
            if let Some(bad) = instead.iter().find(|tag| !language::is_tag(tag)) {
                self.error(&field, format!("{bad:?} is no language; they look like pt_BR"));
            }
        }
    }

    fn countries(&mut self, data: &PolicyData) {
        let countries = &data.countries;
        self.codes(&countries.not_served, "countries.not_served");
        self.codes(&countries.no_marketing, "countries.no_marketing");
        let is_region = |text: &String| text.split_once('-').is_some_and(|(code, _)| country::is_code(code));
        if let Some(bad) = countries.regions_not_served.iter().find(|region| !is_region(region)) {
            self.error("countries.regions_not_served", format!("{bad:?} is no region of ISO 3166-2, such as UA-43"));
        }
        let is_range = |text: &String| text.len() >= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(bad) = countries.ranges_not_served.iter().find(|range| !is_range(range)) {
            let problem = format!("{bad:?} is no beginning of a number: digits, with the country code");
            self.error("countries.ranges_not_served", problem);
        }
        let longest = [&countries.not_served, &countries.ranges_not_served, &data.warnings.own_sites];
        if longest.iter().any(|list| list.len() > LIST_MAX) {
            self.error("countries", format!("more than {LIST_MAX} entries in a list"));
        }
    }

    fn codes(&mut self, codes: &[String], field: &str) {
        if let Some(bad) = codes.iter().find(|code| !country::is_code(code)) {
            self.error(field, format!("{bad:?} is no country of ISO 3166, such as ES"));
        }
    }

    fn quiet_hours(&mut self, data: &PolicyData) {
        self.quiet(&data.quiet_hours.default, "quiet_hours.default");
        for (code, quiet) in &data.quiet_hours.countries {
            let field = format!("quiet_hours.countries.{code}");
            if !country::is_code(code) {
                self.error(&field, format!("{code:?} is no country of ISO 3166, such as ES"));
            }
            self.quiet(quiet, &field);
        }
    }

    fn quiet(&mut self, quiet: &Quiet, field: &str) {
        let is_quarter = |time: TimeOfDay| time.minutes().is_multiple_of(QUARTER_MINUTES);
        if !is_quarter(quiet.from) || !is_quarter(quiet.to) {
            self.error(field, "hours begin and end on a quarter: 20:00, 20:15, 20:30, 20:45");
        }
        if quiet.from == quiet.to {
            self.error(field, "would be quiet for ever; to switch quiet hours off, leave out their categories");
        }
        if quiet.days.len() >= 7 {
            self.error(format!("{field}.days"), "would be quiet for ever");
        }
    }

    fn campaigns(&mut self, campaigns: &CampaignData) {
        if campaigns.pause_percent > 100 {
            self.error("campaigns.pause_percent", "must be 0 to 100");
        }
        if !(1..=CampaignData::LOOKED_AT).contains(&campaigns.pause_of_least) {
            self.error("campaigns.pause_of_least", format!("must be 1 to {}", CampaignData::LOOKED_AT));
        }
        if campaigns.pause_percent > 0 && campaigns.pause_codes.is_empty() {
            self.error("campaigns.pause_codes", "without codes nothing is ever paused; pause_percent = 0 says so");
        }
    }

    fn stopping(&mut self, stopping: &StoppingData) {
        for (language, words) in &stopping.languages {
            let field = format!("stopping.languages.{language}");
            let is_short = language.bytes().all(|byte| byte.is_ascii_lowercase());
            if language != "any" && !(is_short && language::is_tag(language)) {
                self.error(&field, "is no language; they look like pt, without a region, or any");
            }
            let lists = [&words.stop, &words.promotions, &words.everyday, &words.start, &words.fillers];
            if lists.into_iter().flatten().any(|phrase| !phrase.chars().any(char::is_alphanumeric)) {
                self.error(&field, "holds a phrase without a letter, which every message would have");
            }
            let length = words.confirmation.as_ref().map_or(1, |text| text.trim().chars().count());
            if !(1..=CONFIRMATION_CHARS_MAX).contains(&length) {
                self.error(format!("{field}.confirmation"), "must be 1 to 1024 characters");
            }
        }
        let languages = || stopping.languages.values();
        if languages().all(|words| words.stop.is_empty()) {
            self.error("stopping.languages", "hold no stop, so that nobody could");
        }
        if stopping.confirmation(None, None).is_none() {
            self.error("stopping.confirmation_default", "is no language that has a confirmation");
        }
    }

    fn prices(&mut self, prices: &Prices, field: &str) {
        for (category, price) in prices {
            if !CATEGORIES.contains(&category.as_str()) {
                self.error(
                    format!("{field}.{category}"),
                    format!("is no category of Meta's: {}", CATEGORIES.join(", ")),
                );
            }
            if *price > PRICE_MAX {
                self.error(format!("{field}.{category}"), format!("must be at most {PRICE_MAX}"));
            }
        }
    }

    fn spend(&mut self, spend: &SpendData) {
        if spend.currency.len() != 3 || !spend.currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            self.error("spend.currency", format!("{:?} is no currency of ISO 4217, such as EUR", spend.currency));
        }
        for (day, list) in &spend.prices {
            let field = format!("spend.prices.{day}");
            if list.other.is_empty() && list.countries.is_empty() {
                self.error(&field, "holds no price");
            }
            self.prices(&list.other, &format!("{field}.other"));
            for (code, prices) in &list.countries {
                self.prices(prices, &format!("{field}.countries.{code}"));
            }
            for code in list.countries.keys().filter(|code| !country::is_code(code)) {
                self.error(
                    format!("{field}.countries.{code}"),
                    format!("{code:?} is no country of ISO 3166, such as ES"),
                );
            }
        }
        let Some(budget) = &spend.budget else { return };
        if budget.monthly == Amount::default() {
            self.error("spend.budget.monthly", "would let nothing go; to stop a category, do not send it");
        }
        if !(1..=100).contains(&budget.warn_percent) {
            self.error("spend.budget.warn_percent", "must be 1 to 100");
        }
        if budget.stops.contains(&Category::Service) {
            self.error("spend.budget.stops", "answers are never stopped for their price");
        }
        if spend.prices.is_empty() {
            self.error("spend.prices", "without prices no budget is ever spent");
        }
    }
}
