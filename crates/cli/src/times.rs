//! Times on the command line.

use std::time::{Duration, SystemTime};

use waypost_rules::input::parse_instant;

/// A number and its unit.
pub(crate) fn span(text: &str) -> Result<Duration, &'static str> {
    const EXPECTED: &str = "expected a number and m, h or d, e.g. 90d";
    let unit = text.chars().last().ok_or(EXPECTED)?;
    let seconds: u64 = match unit {
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(EXPECTED),
    };
    let count: u32 = text[..text.len() - 1].parse().map_err(|_| EXPECTED)?;
    if count == 0 { Err(EXPECTED) } else { Ok(Duration::from_secs(seconds * u64::from(count))) }
}

/// A time, or how long ago it was.
pub(crate) fn since(text: &str) -> Result<SystemTime, &'static str> {
    instant(text, |now, ago| now.checked_sub(ago))
}

/// A time, or in how long it is.
pub(crate) fn ahead(text: &str) -> Result<SystemTime, &'static str> {
    instant(text, |now, wait| now.checked_add(wait))
}

fn instant(
    text: &str,
    from_now: impl Fn(SystemTime, Duration) -> Option<SystemTime>,
) -> Result<SystemTime, &'static str> {
    const EXPECTED: &str = "expected a time such as 2026-12-01T09:00:00+01:00, or a number and m, h or d, e.g. 2h";
    if let Some(at) = parse_instant(text) {
        let after = Duration::from_millis(u64::try_from(at.as_millis()).map_err(|_| EXPECTED)?);
        return Ok(SystemTime::UNIX_EPOCH + after);
    }
    from_now(SystemTime::now(), span(text).map_err(|_| EXPECTED)?).ok_or(EXPECTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_may_lie_ahead() {
        let in_an_hour = ahead("1h").unwrap().duration_since(SystemTime::now()).unwrap().as_secs();
        assert!((3_590..=3_600).contains(&in_an_hour), "{in_an_hour}");
        assert!(ahead("2026-12-01T09:00:00+01:00").is_ok() && ahead("soon").is_err());
    }

    #[test]
    fn a_time_is_given_or_counted_back() {
        let seconds = |text| since(text).map(|at| at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs());
        assert_eq!(seconds("1970-01-01T01:00:00+00:00"), Ok(3600));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let hour_ago = seconds("1h").unwrap();
        assert!((now - 3605..=now - 3600).contains(&hour_ago), "{hour_ago} at {now}");
        for bad in ["", "h", "0h", "2", "2w", "-1h", "yesterday", "1960-01-01T00:00:00Z", "ä"] {
            assert!(since(bad).is_err(), "{bad:?}");
        }
        assert_eq!((span("90d"), span("12h")), (Ok(Duration::from_secs(7_776_000)), Ok(Duration::from_secs(43_200))));
    }
}
