//! Every code that Meta documents has a row, and what is done about it.

use std::ops::RangeInclusive;

use waypost_cloud_api::answer::GraphError;
use waypost_cloud_api::error_code::{
    BIRD, BackOff, Circumstances, Concern, Do, Effect, Failure, Row, Scope, Seen, TABLE, TWILIO, Tell, Until, decide,
    row_of,
};

/// The codes of Meta's page of errors, and those of the endpoints that we use besides.
const DOCUMENTED: &[RangeInclusive<i64>] = &[
    0..=0,
    190..=190,
    3..=3,
    10..=10,
    200..=299,
    131_005..=131_005,
    4..=4,
    80_007..=80_007,
    613..=613,
    130_429..=130_429,
    131_056..=131_056,
    131_048..=131_048,
    131_064..=131_064,
    131_049..=131_049,
    131_050..=131_050,
    130_472..=130_472,
    131_047..=131_047,
    131_026..=131_026,
    130_403..=130_403,
    131_021..=131_021,
    131_030..=131_030,
    131_008..=131_008,
    131_009..=131_009,
    100..=100,
    131_051..=131_051,
    135_000..=135_000,
    131_062..=131_063,
    132_000..=132_001,
    132_005..=132_005,
    132_007..=132_008,
    132_012..=132_012,
    132_018..=132_018,
    132_015..=132_016,
    132_068..=132_069,
    130_497..=130_497,
    368..=368,
    131_031..=131_031,
    131_042..=131_042,
    131_045..=131_045,
    133_010..=133_010,
    131_037..=131_037,
    33..=33,
    137_000..=137_000,
    131_055..=131_055,
    134_100..=134_102,
    139_200..=139_200,
    134_011..=134_011,
    139_100..=139_103,
    80_008..=80_008,
    2_388_000..=2_388_999,
    131_052..=131_053,
    1..=2,
    131_000..=131_000,
    131_016..=131_016,
    133_004..=133_004,
    131_057..=131_057,
    2_494_191..=2_494_191,
];

#[test]
fn every_documented_code_has_one_row() {
    for code in DOCUMENTED.iter().cloned().flatten() {
        let rows = TABLE.iter().filter(|row| row.is_about(code)).count();
        assert_eq!(rows, 1, "{code}");
    }
    // And there is no row that nobody documents.
    for row in TABLE {
        assert!(DOCUMENTED.iter().any(|codes| codes.contains(&row.first) && codes.contains(&row.last)), "{row:?}");
        assert!(!row.meaning.is_empty() && !row.meaning.ends_with('.'), "{row:?}");
    }
    for code in [-1, 5, 199, 300, 131_001, 999_999, 2_387_999, 2_389_000, i64::MAX] {
        assert_eq!(row_of(code), None, "{code}");
    }
}

#[test]
fn only_two_codes_are_about_the_token() {
    let of = |concern: Concern| {
        TABLE.iter().filter(move |row| row.concerns == concern).map(|row| (row.first, row.last)).collect::<Vec<_>>()
    };
    assert_eq!(of(Concern::Token), [(0, 0), (190, 190)]);
    assert_eq!(of(Concern::Permission), [(3, 3), (10, 10), (200, 299), (131_005, 131_005)]);
    // A throttle, or Meta's own trouble, stops nothing and alerts nobody.
    for row in TABLE {
        if matches!(row.action, Do::RetryAfter(_) | Do::SettleThenRetry(_)) {
            assert_eq!(row.tell, Tell::Nobody, "{row:?}");
        }
        if matches!(row.action, Do::Pause { .. }) {
            assert_eq!(row.tell, Tell::Alert, "a pause that nobody knows of: {row:?}");
        }
    }
}

const fn pause(what: Scope, until: Until) -> Do {
    Do::Pause { what, until }
}

/// Codes, what becomes of the send, who is told, what else changes.
type Line<'a> = (&'a [RangeInclusive<i64>], Do, Tell, Option<Effect>);

const LINES: &[Line<'_>] = {
    use BackOff::{AtOnce, Day, Hours, Minutes, Outage, TemplateSync, Throttle};
    use Do::{RetryAfter, SettleThenRetry, Terminal};
    use Effect::{
        BlockCountry, CloseWindow, DisableTemplate, HoldTemplate, PageAgain, ReadEachUser, RefreshTemplates, Slow,
        VerifyContact, WithdrawMarketing,
    };
    use Tell::{Alert, AlertIfMany, Nobody};
    &[
        (&[0..=0, 190..=190], pause(Scope::Number, Until::NewToken), Alert, None),
        (&[3..=3, 10..=10, 200..=299, 131_005..=131_005], pause(Scope::Number, Until::Person), Alert, None),
        (&[4..=4, 613..=613, 80_007..=80_007], RetryAfter(Minutes), Nobody, Some(Slow(Scope::App))),
        (&[130_429..=130_429], RetryAfter(Throttle), Nobody, Some(Slow(Scope::Number))),
        (&[131_056..=131_056], RetryAfter(Throttle), Nobody, Some(Slow(Scope::Pair))),
        (&[131_048..=131_048], pause(Scope::NumberTemplates, Until::Tried(Hours)), Alert, None),
        (&[131_064..=131_064], pause(Scope::AccountTemplates, Until::Tried(Day)), Alert, None),
        (&[131_049..=131_049], RetryAfter(Day), Nobody, None),
        (&[131_050..=131_050], Terminal, Nobody, Some(WithdrawMarketing)),
        (&[131_047..=131_047], Terminal, Nobody, Some(CloseWindow)),
        (&[131_026..=131_026], Terminal, AlertIfMany, None),
        (&[130_472..=130_472, 130_403..=130_403, 131_030..=131_030], Terminal, Nobody, None),
        (
            &[131_021..=131_021, 131_008..=131_009, 100..=100, 131_051..=131_051, 135_000..=135_000],
            Terminal,
            Nobody,
            None,
        ),
        (&[131_062..=131_063, 131_052..=131_053], Terminal, Nobody, None),
        (&[132_000..=132_000, 132_005..=132_005, 132_007..=132_008, 132_012..=132_012], Terminal, Nobody, None),
        (&[132_018..=132_018, 132_068..=132_068], Terminal, Nobody, None),
        (&[132_001..=132_001], Terminal, Nobody, Some(RefreshTemplates)),
        (&[132_015..=132_015], Terminal, AlertIfMany, Some(HoldTemplate)),
        (&[132_016..=132_016], Terminal, Nobody, Some(DisableTemplate)),
        (&[132_069..=132_069], RetryAfter(Minutes), Nobody, None),
        (&[130_497..=130_497], Terminal, Alert, Some(BlockCountry)),
        (&[368..=368, 131_031..=131_031], pause(Scope::Account, Until::Person), Alert, None),
        (&[131_042..=131_042], pause(Scope::AccountPaid, Until::Person), Alert, None),
        (&[33..=33, 131_037..=131_037], pause(Scope::Number, Until::Person), Alert, None),
        (&[131_045..=131_045, 133_010..=133_010], pause(Scope::Number, Until::Person), Alert, None),
        (&[137_000..=137_000], Terminal, Nobody, Some(VerifyContact)),
        (&[131_055..=131_055, 134_100..=134_100, 134_102..=134_102], Terminal, Nobody, None),
        (&[139_200..=139_200, 134_011..=134_011, 2_388_000..=2_388_999, 2_494_191..=2_494_191], Terminal, Nobody, None),
        (&[134_101..=134_101], RetryAfter(TemplateSync), Nobody, None),
        (&[139_100..=139_100], Terminal, Nobody, Some(ReadEachUser)),
        (&[139_101..=139_101], Terminal, Nobody, None),
        (&[139_102..=139_102], RetryAfter(AtOnce), Nobody, Some(PageAgain)),
        (
            &[139_103..=139_103, 131_016..=131_016, 131_057..=131_057, 133_004..=133_004],
            RetryAfter(Outage),
            Nobody,
            None,
        ),
        (&[80_008..=80_008], RetryAfter(Minutes), Nobody, None),
        (&[1..=2, 131_000..=131_000], SettleThenRetry(Outage), Nobody, None),
    ]
};

#[test]
fn what_is_done_about_each_code() {
    let decide_in_answer = |code: i64| {
        let error = GraphError { code: Some(code), ..GraphError::default() };
        decide(&Failure::in_answer(400, Some(&error)), Circumstances::default())
    };
    let mut seen = 0;
    for (codes, action, tell, effect) in LINES {
        for code in codes.iter().cloned().flatten() {
            let decision = decide_in_answer(code);
            assert_eq!((decision.action, decision.tell, decision.effect), (*action, *tell, *effect), "{code}");
            seen += 1;
        }
    }
    let documented: i64 = DOCUMENTED.iter().map(|codes| codes.end() - codes.start() + 1).sum();
    assert_eq!(seen, documented, "a code without a line here");
}

#[test]
fn circumstances_change_what_is_done() {
    let action = |code, to_us_number, media_by_link| {
        decide(&Failure::in_status(Some(code)), Circumstances { to_us_number, media_by_link }).action
    };
    assert_eq!(action(131_049, true, false), Do::Terminal);
    assert_eq!(action(131_049, false, true), Do::RetryAfter(BackOff::Day));
    assert_eq!(action(131_053, false, true), Do::RetryAfter(BackOff::Once));
    assert_eq!(action(131_053, true, false), Do::Terminal);
    assert_eq!(action(131_047, true, true), Do::Terminal);
}

/// A message that was accepted and then failed has surely not arrived: there is nothing to settle.
#[test]
fn a_failed_status_is_certain() {
    let action = |code| decide(&Failure::in_status(code), Circumstances::default()).action;
    for code in [1, 2, 131_000] {
        assert_eq!(action(Some(code)), Do::RetryAfter(BackOff::Outage));
    }
    assert_eq!(action(Some(190)), pause(Scope::Number, Until::NewToken));
    assert_eq!(action(Some(987_654)), Do::Terminal);
    assert_eq!(action(None), Do::Terminal);
}

#[test]
fn a_number_that_is_gone_is_not_a_wrong_parameter() {
    let of = |subcode| {
        let error = GraphError { code: Some(100), subcode, ..GraphError::default() };
        decide(&Failure::in_answer(400, Some(&error)), Circumstances::default()).action
    };
    assert_eq!(of(Some(33)), pause(Scope::Number, Until::Person));
    assert_eq!(of(Some(2_494_010)), Do::Terminal);
    assert_eq!(of(None), Do::Terminal);
}

/// For what no row is about: the status of the answer, whether it is the API's, and its own word for "try again".
#[test]
fn what_is_done_without_a_row() {
    let unknown = |is_transient| Some(GraphError { code: Some(987_654), is_transient, ..GraphError::default() });
    let without_code = |is_transient| Some(GraphError { is_transient, ..GraphError::default() });
    let cases = [
        (400, unknown(false), Do::Terminal),
        (400, unknown(true), Do::RetryAfter(BackOff::Outage)),
        (500, unknown(false), Do::RetryAfter(BackOff::Outage)),
        (429, unknown(false), Do::Terminal),
        (400, without_code(false), Do::Terminal),
        (400, without_code(true), Do::RetryAfter(BackOff::Outage)),
        (404, without_code(false), Do::Terminal),
        (429, without_code(false), Do::RetryAfter(BackOff::Throttle)),
        // It may have gone through: never again before that is settled.
        (500, without_code(false), Do::SettleThenRetry(BackOff::Outage)),
        (502, None, Do::SettleThenRetry(BackOff::Outage)),
        (200, None, Do::SettleThenRetry(BackOff::Outage)),
        // A machine on the way: Meta has not seen it, and a queue must not be lost to it.
        (403, None, Do::RetryAfter(BackOff::Minutes)),
        (302, None, Do::RetryAfter(BackOff::Minutes)),
        (429, None, Do::RetryAfter(BackOff::Throttle)),
    ];
    for (http_status, error, want) in cases {
        let decision = decide(&Failure::in_answer(http_status, error.as_ref()), Circumstances::default());
        assert_eq!(decision.action, want, "{http_status} {error:?}");
        // Nothing but the two codes is ever taken for a bad token.
        assert!(!matches!(decision.concerns, Concern::Token | Concern::Permission), "{http_status} {error:?}");
    }
}

/// The texts are translated, and must make no difference.
#[test]
fn texts_decide_nothing() {
    let error = |message: &str| GraphError {
        code: Some(987_654),
        message: Some(message.to_owned()),
        details: Some("Rate limit hit".to_owned()),
        kind: Some("OAuthException".to_owned()),
        ..GraphError::default()
    };
    for message in ["(#190) Error validating access token", "(#130429) Rate limit hit", "Ograniczenie"] {
        let decision = decide(&Failure::in_answer(401, Some(&error(message))), Circumstances::default());
        assert_eq!(decision.action, Do::Terminal, "{message}");
    }
}

#[test]
fn only_what_is_over_gives_its_place_back() {
    for row in TABLE {
        assert_eq!(row.action.is_final(), row.action == Do::Terminal);
    }
}

/// Codes of Twilio's, as lines of [`LINES`].
const TWILIO_LINES: &[Line<'_>] = {
    use BackOff::{Hours, Outage, Throttle};
    use Do::{RetryAfter, SettleThenRetry, Terminal};
    use Effect::{CloseWindow, HoldTemplate, RefreshTemplates, Slow, WithdrawMarketing};
    use Tell::{Alert, AlertIfMany, Nobody};
    &[
        (&[20_003..=20_003], pause(Scope::Number, Until::NewToken), Alert, None),
        (&[63_007..=63_007], pause(Scope::Number, Until::Person), Alert, None),
        (&[63_020..=63_020], pause(Scope::Account, Until::Person), Alert, None),
        (&[63_038..=63_038], pause(Scope::Account, Until::Tried(Hours)), Alert, None),
        (&[20_429..=20_429, 63_017..=63_018], RetryAfter(Throttle), Nobody, Some(Slow(Scope::Number))),
        (&[63_016..=63_016], Terminal, Nobody, Some(CloseWindow)),
        (&[21_610..=21_610], Terminal, Nobody, Some(WithdrawMarketing)),
        (&[63_003..=63_003, 63_024..=63_024], Terminal, AlertIfMany, None),
        (&[63_014..=63_014, 63_032..=63_033], Terminal, Nobody, None),
        (&[21_656..=21_656, 63_028..=63_028, 63_019..=63_019], Terminal, Nobody, None),
        (&[63_027..=63_027], Terminal, Nobody, Some(RefreshTemplates)),
        (&[63_041..=63_041], Terminal, AlertIfMany, Some(HoldTemplate)),
        (&[20_503..=20_503], RetryAfter(Outage), Nobody, None),
        (&[20_500..=20_500], SettleThenRetry(Outage), Nobody, None),
    ]
};

/// Codes of Bird's, as lines of [`LINES`].
const BIRD_LINES: &[Line<'_>] = {
    use Do::{RetryAfter, Terminal};
    use Tell::{Alert, AlertIfMany, Nobody};
    &[
        (&[401..=401], pause(Scope::Number, Until::NewToken), Alert, None),
        (&[402..=402], pause(Scope::Number, Until::Person), Alert, None),
        (&[403..=403], pause(Scope::Number, Until::Person), Alert, None),
        (&[15_001..=15_001, 15_005..=15_005], Terminal, AlertIfMany, None),
        (&[11_001..=11_002, 12_002..=12_003], Terminal, Nobody, None),
        (&[12_001..=12_001], RetryAfter(BackOff::Outage), Nobody, None),
    ]
};

#[test]
fn what_is_done_about_each_code_of_another_carriers() {
    for (table, lines) in [(TWILIO, TWILIO_LINES), (BIRD, BIRD_LINES)] {
        each_code_has_a_line(table, lines);
    }
    let by_link = Circumstances { media_by_link: true, ..Circumstances::default() };
    let file = decide(&Failure::in_status(Some(63_019)), by_link);
    assert_eq!(file.action, Do::RetryAfter(BackOff::Once), "whoever has the file may have been down");
    // No code has two meanings.
    let all: Vec<&Row> = TABLE.iter().chain(TWILIO).chain(BIRD).collect();
    for (at, row) in all.iter().enumerate() {
        let others = all.iter().enumerate().filter(|(other, _)| *other != at);
        let overlaps = |other: &Row| other.first <= row.last && row.first <= other.last;
        assert!(!others.into_iter().any(|(_, other)| overlaps(other)), "{row:?}");
        assert!(!row.meaning.is_empty() && !row.meaning.ends_with('.'), "{row:?}");
    }
}

fn each_code_has_a_line(table: &[Row], lines: &[Line<'_>]) {
    let mut seen = 0;
    for (codes, action, tell, effect) in lines {
        for code in codes.iter().cloned().flatten() {
            for failure in [
                Failure::in_answer(400, Some(&GraphError { code: Some(code), ..GraphError::default() })),
                Failure::in_status(Some(code)),
            ] {
                let decision = decide(&failure, Circumstances::default());
                let want = match action {
                    Do::SettleThenRetry(back_off) if failure.seen == Seen::InStatus => Do::RetryAfter(*back_off),
                    action => *action,
                };
                assert_eq!((decision.action, decision.tell, decision.effect), (want, *tell, *effect), "{code}");
            }
            seen += 1;
        }
    }
    assert_eq!(seen, table.iter().map(|row| row.last - row.first + 1).sum::<i64>(), "a row without a line");
}
