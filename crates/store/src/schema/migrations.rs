//! The migrations themselves, oldest first. Never edit one that was released: add another.

/// A step of the schema. Its text for a database is the file of that name in `migrations/`, byte by byte.
pub(super) struct Migration {
    pub(super) version: i64,
    pub(super) description: &'static str,
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

macro_rules! migration {
    ($version:literal, $description:literal, $file:literal) => {
        Migration {
            version: $version,
            description: $description,
            sqlite: include_str!(concat!("../../migrations/sqlite/", $file, ".sql")),
            postgres: include_str!(concat!("../../migrations/postgres/", $file, ".sql")),
        }
    };
}

pub(super) const ALL: [Migration; 27] = [
    migration!(101, "initial", "101_initial"),
    migration!(102, "suspect", "102_suspect"),
    migration!(103, "admin", "103_admin"),
    migration!(104, "rule sets", "104_rule_sets"),
    migration!(105, "extras", "105_extras"),
    migration!(106, "numbers", "106_numbers"),
    migration!(107, "suspect place", "107_suspect_place"),
    migration!(108, "last conversation", "108_last_conversation"),
    migration!(109, "bindings", "109_bindings"),
    migration!(110, "identity", "110_identity"),
    migration!(112, "answers seen", "112_answers_seen"),
    migration!(113, "last call", "113_last_call"),
    migration!(115, "traced", "115_traced"),
    migration!(116, "rolled back", "116_rolled_back"),
    migration!(117, "rule text", "117_rule_text"),
    migration!(118, "parked", "118_parked"),
    migration!(119, "retained", "119_retained"),
    migration!(120, "sends", "120_sends"),
    migration!(121, "consent", "121_consent"),
    migration!(122, "alerts", "122_alerts"),
    migration!(123, "campaigns", "123_campaigns"),
    migration!(125, "transcript", "125_transcript"),
    migration!(126, "transcript writer", "126_transcript_writer"),
    migration!(127, "spend", "127_spend"),
    migration!(128, "media", "128_media"),
    migration!(129, "erasure", "129_erasure"),
    migration!(130, "campaign ends", "130_campaign_ends"),
];
