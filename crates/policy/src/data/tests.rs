//! Policy data as text: what is read, what is refused, and by which field.

use super::*;
use crate::spend::Amount;

/// The default with one replacement is refused, naming the field.
fn check(from: &str, to: &str, want: &str) {
    let text = PolicyData::DEFAULT_TEXT.replacen(from, to, 1);
    assert_ne!(text, PolicyData::DEFAULT_TEXT, "{from} is not there");
    let error = PolicyData::from_toml(&text).expect_err(want).to_string();
    assert!(error.contains(want), "{from} → {to}: {error:?} does not say {want:?}");
}

#[test]
fn what_is_written_is_read_again_as_toml_and_as_json() {
    let data = PolicyData::default();
    assert_eq!(PolicyData::from_toml(&data.to_toml().unwrap()).unwrap(), data);
    let json = serde_json::to_string(&data).unwrap();
    assert_eq!(serde_json::from_str::<PolicyData>(&json).unwrap(), data);
    assert_eq!(data.errors(), []);
}

#[test]
fn mistakes_name_their_field_and_line() {
    check("recheck_s = 300", "recheck_s = \"soon\"", "recheck_s: ");
    check("recheck_s = 300", "recheck_s = \"soon\"", "line 9: ");
    check("recheck_s = 300", "", "recheck_s");
    check("other_app = \"refuse\"", "other_app = \"perhaps\"", "other_app: unknown variant");
    check("messages = 2\n", "message = 2\n", "frequency[0].message: unknown field");
    check("[codes]", "[codes]\nsize = 1", "codes.size: unknown field");
    check("from = \"20:30\"", "from = \"8pm\"", "quiet_hours.countries.FR.from: \"8pm\" is no time");
    check("\"2026-12-25\"", "\"2026-12-32\"", "quiet_hours.countries.FR.dates: \"2026-12-32\" is no date");
    check("minor = [\"marketing\"]", "minor = [\"ads\"]", "attributes.minor: unknown variant");
    check("version = 1", "version = ", "line 4");
}

#[test]
fn values_that_would_decide_wrongly_are_refused() {
    check("recheck_s = 300", "recheck_s = 0", "recheck_s: ");
    check("recheck_soon_s = 5", "recheck_soon_s = 0", "recheck_soon_s: ");
    check("messages = 2\n", "messages = 0\n", "frequency[0].messages: must be at least 1");
    check("period_minutes = 60", "period_minutes = 0", "automatic.period_minutes: ");
    check("reserve_percent = 5", "reserve_percent = 91", "messaging_limit.reserve_percent: ");
    check("TIER_2K = 2000", "TIER_2K = 0", "messaging_limit.tiers: ");
    check("ttl_default_s = 600", "ttl_default_s = 1000", "codes.ttl_default_s: ");
    check("any = []", "any = [\"english\"]", "templates.language_fallback.any: \"english\" is no language");
    check("any = []", "portuguese = []", "templates.language_fallback.portuguese: ");
    check("\"KP\"", "\"NK\"", "countries.not_served: \"NK\" is no country");
    check("no_marketing = [\"US\"]", "no_marketing = [\"USA\"]", "countries.no_marketing: ");
    check("\"UA-43\"", "\"Crimea\"", "countries.regions_not_served: ");
    check("\"38065\"", "\"+38065\"", "countries.ranges_not_served: ");
    check("countries.IN]", "countries.India]", "quiet_hours.countries.India: ");
    check("from = \"20:30\"", "from = \"20:10\"", "quiet_hours.countries.FR: hours begin");
    check("to = \"10:00\"", "to = \"21:00\"", "quiet_hours.countries.IN: would be quiet for ever");
    check("pause_percent = 20", "pause_percent = 101", "campaigns.pause_percent: must be 0 to 100");
    check("pause_of_least = 50", "pause_of_least = 0", "campaigns.pause_of_least: must be 1 to 500");
    check("pause_of_least = 50", "pause_of_least = 501", "campaigns.pause_of_least: must be 1 to 500");
    check("pause_codes = [131026, ", "pause_codes = [] # [", "campaigns.pause_codes: without codes");
    let week = "days = [\"sun\", \"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\"]";
    check("days = [\"sun\"]", week, "quiet_hours.countries.FR.days: would be quiet for ever");
}

/// Data of a release before this one has no such row.
#[test]
fn what_pauses_campaigns_is_there_where_nobody_wrote_it() {
    let (before, rest) = PolicyData::DEFAULT_TEXT.split_once("[campaigns]").unwrap();
    let (_, after) = rest.split_once("\n\n").unwrap();
    let older = PolicyData::from_toml(&format!("{before}\n{after}")).unwrap();
    assert_eq!(older, PolicyData::default());
    let none = CampaignData { pause_percent: 0, ..CampaignData::default() };
    let of_all = CampaignData { pause_percent: 100, pause_of_least: 1, ..CampaignData::default() };
    let table = [
        (&older.campaigns, 49, 49, false),
        (&older.campaigns, 50, 9, false),
        (&older.campaigns, 50, 10, true),
        (&older.campaigns, 500, 99, false),
        (&older.campaigns, 500, 500, true),
        (&none, 500, 500, false),
        (&of_all, 0, 0, false),
        (&of_all, 1, 1, true),
    ];
    for (data, ended, unwanted, want) in table {
        assert_eq!(data.pauses(ended, unwanted), want, "{unwanted} of {ended}");
    }
}

#[test]
fn words_that_would_stop_nobody_or_everybody_are_refused() {
    check("languages.tr]", "languages.turkish]", "stopping.languages.turkish: is no language");
    check("languages.pt]", "languages.pt_BR]", "stopping.languages.pt_BR: is no language");
    check("stop = [\"ret\"", "stop = [\"!\", \"ret\"", "stopping.languages.tr: holds a phrase without a letter");
    check("confirmation_default = \"en\"", "confirmation_default = \"xx\"", "stopping.confirmation_default: ");
    check("confirmation = \"U krijgt", "confirmation = \"\"\n# \"U krijgt", "stopping.languages.nl.confirmation: ");
    check("everyday_numbers = []", "everyday_number = []", "stopping.everyday_number: unknown field");
    let mut data = PolicyData::default();
    data.stopping.languages.values_mut().for_each(|words| words.stop.clear());
    assert!(data.errors().iter().any(|error| error.field == "stopping.languages"), "{:?}", data.errors());
}

/// Data that was pushed before there were such words.
#[test]
fn data_without_words_has_those_of_the_program() {
    let text = PolicyData::default().to_toml().unwrap();
    let (before, _) = text.split_once("[stopping]").expect("they are there");
    let data = PolicyData::from_toml(before).unwrap();
    assert_eq!(data.stopping, PolicyData::default().stopping);
}

#[test]
fn a_stop_is_confirmed_in_the_customer_s_language_if_it_can_be() {
    let stopping = PolicyData::default().stopping;
    let begins = |known, said| stopping.confirmation(known, said).unwrap().split(' ').next().unwrap().to_owned();
    assert_eq!(begins(Some("pt_BR"), None), "Você");
    assert_eq!(begins(Some("de-AT"), Some("fr")), "Sie");
    assert_eq!(begins(Some("fi"), Some("fr")), "Vous");
    assert_eq!(begins(None, Some("tr")), "Bize");
    assert_eq!(begins(None, Some("no")), "You");
    assert_eq!(begins(None, None), "You");
    let confirmed = stopping.languages.values().filter_map(|words| words.confirmation.as_ref());
    let texts: Vec<_> = confirmed.collect();
    assert!(texts.len() >= 5 && texts.iter().all(|text| text.contains("START")), "how to start again is said");
}

/// The example in the default's comments, with the signs of comments taken away.
fn with_spend() -> String {
    let (_, example) = PolicyData::DEFAULT_TEXT.split_once("# [spend]").expect("an example");
    let lines: String = example.lines().map(|line| line.trim_start_matches("# ").trim_start_matches('#')).fold(
        String::new(),
        |mut text, line| {
            text.push_str(line);
            text.push('\n');
            text
        },
    );
    format!("{}\n[spend]{lines}", PolicyData::DEFAULT_TEXT)
}

#[test]
fn the_example_of_prices_and_budget_is_good() {
    let data = PolicyData::from_toml(&with_spend()).unwrap();
    let spend = data.spend.as_ref().unwrap();
    assert_eq!(
        spend.price("marketing", Some("DE"), day_of(Timestamp::from_millis(1_795_874_400_000))),
        Amount::parse("0.1131")
    );
    assert_eq!(PolicyData::from_toml(&data.to_toml().unwrap()).unwrap(), data);
}

#[test]
fn prices_and_budgets_that_mean_nothing_are_refused() {
    let check = |from: &str, to: &str, want: &str| {
        let text = with_spend();
        let at = text.rfind(from).expect("it is there");
        let text = format!("{}{to}{}", &text[..at], &text[at + from.len()..]);
        let error = PolicyData::from_toml(&text).expect_err(want).to_string();
        assert!(error.contains(want), "{from} → {to}: {error:?} does not say {want:?}");
    };
    check("\"EUR\"", "\"euro\"", "spend.currency: \"euro\" is no currency");
    check("monthly = \"500\"", "monthly = \"0\"", "spend.budget.monthly: ");
    check("monthly = \"500\"", "monthly = \"-1\"", "spend.budget.monthly: \"-1\" is no amount");
    check("warn_percent = 80", "warn_percent = 101", "spend.budget.warn_percent: must be 1 to 100");
    check("stops = [\"marketing\"]", "stops = [\"ads\"]", "spend.budget.stops");
    check("stops = [\"marketing\"]", "stops = [\"service\"]", "spend.budget.stops: answers are never stopped");
    check("countries.DE", "countries.GER", "spend.prices.2026-10-01.countries.GER: ");
    check("2026-10-01.other", "2026-13-01.other", "2026-13-01");
    check("0.1131", "0,1131", "is no amount");
    check("0.1131", "1000001", "spend.prices.2026-10-01.countries.DE.marketing: must be at most");
    check(
        "utility = \"0.0456\"",
        "usefulness = \"0.0456\"",
        "spend.prices.2026-10-01.countries.DE.usefulness: is no category",
    );
}

#[test]
fn its_age_is_in_days() {
    // As of 29 November 2026, at midnight.
    let midnight = Timestamp::from_millis(1_795_910_400_000);
    let data = PolicyData::default();
    for days in [-1, 0, 1, 90] {
        let that_day = midnight.plus_millis(days * 24 * 60 * 60 * 1000);
        assert_eq!(data.age_days(that_day), days);
        assert_eq!(data.age_days(that_day.plus_millis(24 * 60 * 60 * 1000 - 1)), days);
    }
}
