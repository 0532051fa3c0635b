//! Calendars at an instant: whether people are at work. Local times, so that a change of the clocks moves the opening
//! with it: what is skipped in spring is not there, what comes twice in autumn counts twice.

use std::collections::BTreeMap;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use waypost_domain::calendar::{Calendar, Date, Shift, Weekday};
use waypost_domain::{CalendarName, Timestamp};

const DAY_S: i64 = 24 * 60 * 60;
/// How far ahead the next opening is looked for.
const DAYS_AHEAD: i64 = 31;

/// Time zones by name, from the data in this program: what the machine has would make decisions differ.
#[derive(Debug, Clone)]
pub(crate) struct Zones(TimeZoneDatabase);

impl Zones {
    pub(crate) fn new() -> Self {
        Self(TimeZoneDatabase::bundled())
    }

    pub(crate) fn get(&self, name: &str) -> Option<TimeZone> {
        self.0.get(name).ok()
    }
}

/// All calendars of a rule set, ready to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Clocks {
    zones: Zones,
    calendars: BTreeMap<CalendarName, WorkingHours>,
}

impl Clocks {
    /// A calendar whose zone does not exist is left out: `check` refuses it.
    pub(crate) fn new(calendars: &[Calendar]) -> Self {
        let zones = Zones::new();
        let ready = |calendar: &Calendar| {
            let hours = WorkingHours::new(calendar, zones.get(&calendar.zone)?)?;
            Some((calendar.name.clone(), hours))
        };
        let calendars = calendars.iter().filter_map(ready).collect();
        Self { zones, calendars }
    }

    /// Whether people of `calendar` work at `at`, by its own clock. `None` for a calendar that is not there.
    pub(crate) fn is_open(&self, calendar: &CalendarName, at: Timestamp) -> Option<bool> {
        let hours = self.calendars.get(calendar)?;
        Some(hours.is_open(local_seconds(&hours.zone, at)?))
    }

    /// The same by the clock of `zone`. `None` where either is not known.
    pub(crate) fn is_open_in(&self, calendar: &CalendarName, zone: &str, at: Timestamp) -> Option<bool> {
        let hours = self.calendars.get(calendar)?;
        Some(hours.is_open(local_seconds(&self.zones.get(zone)?, at)?))
    }

    /// The wall-clock time there at which `calendar` opens next after `at`, where it is closed by then: `09:00`, and with
    /// the day where that is more than a day away. `None` where it does not open within a month.
    pub(crate) fn opens_at(&self, calendar: &CalendarName, at: Timestamp) -> Option<String> {
        let hours = self.calendars.get(calendar)?;
        let utc_s = at.as_millis().div_euclid(1000);
        let (now_s, opens_s) = (hours.wall_s(utc_s)?, hours.wall_s(hours.opens_after(utc_s)?)?);
        let (day, minute) = (opens_s.div_euclid(DAY_S), opens_s.rem_euclid(DAY_S) / 60);
        let time = format!("{:02}:{:02}", minute / 60, minute % 60);
        if opens_s - now_s < DAY_S {
            return Some(time);
        }
        let weekday = usize::try_from((day + 3).rem_euclid(7)).unwrap_or_default();
        Some(format!("{} {time}", Weekday::ALL.get(weekday)?.as_str()))
    }

    /// `Mon 2026-01-12 23:00 in Europe/Madrid`. `None` for a zone that does not exist.
    pub(crate) fn local_time(&self, zone: &str, at: Timestamp) -> Option<String> {
        Some(format!("{} in {zone}", self.zoned(zone, at)?.strftime("%a %Y-%m-%d %H:%M")))
    }

    /// `2026-01-12`.
    pub(crate) fn local_date(&self, zone: &str, at: Timestamp) -> Option<String> {
        Some(self.zoned(zone, at)?.date().to_string())
    }

    fn zoned(&self, zone: &str, at: Timestamp) -> Option<jiff::Zoned> {
        Some(jiff::Timestamp::from_millisecond(at.as_millis()).ok()?.to_zoned(self.zones.get(zone)?))
    }

    pub(crate) fn utc_offset_minutes(&self, zone: &str, at: Timestamp) -> Option<i64> {
        let utc_s = at.as_millis().div_euclid(1000);
        Some((local_seconds(&self.zones.get(zone)?, at)? - utc_s).div_euclid(60))
    }
}

/// Seconds since 1970 as a clock on the wall there counts them.
fn local_seconds(zone: &TimeZone, at: Timestamp) -> Option<i64> {
    let instant = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
    Some(instant.as_second() + offset_seconds(zone, instant))
}

fn offset_seconds(zone: &TimeZone, instant: jiff::Timestamp) -> i64 {
    i64::from(zone.to_offset(instant).seconds())
}

#[derive(Debug, Clone)]
struct WorkingHours {
    zone: TimeZone,
    /// From Monday.
    weekly: [Vec<Shift>; 7],
    /// By day since 1970.
    holidays: BTreeMap<i64, Vec<Shift>>,
}

impl WorkingHours {
    fn new(calendar: &Calendar, zone: TimeZone) -> Option<Self> {
        let mut weekly: [Vec<Shift>; 7] = Default::default();
        for hours in &calendar.hours {
            for day in &hours.days {
                weekly[*day as usize].push(hours.shift);
            }
        }
        let mut holidays: BTreeMap<i64, Vec<Shift>> = BTreeMap::new();
        for holiday in &calendar.holidays {
            holidays.entry(day_number(holiday.date)?).or_default().extend(&holiday.shifts);
        }
        Some(Self { zone, weekly, holidays })
    }

    fn is_open(&self, local_s: i64) -> bool {
        let day = local_s.div_euclid(DAY_S);
        let minute = u16::try_from(local_s.rem_euclid(DAY_S) / 60).unwrap_or_default();
        let open_today = |shift: &Shift| {
            let (from, to) = (shift.from.minutes(), shift.to.minutes());
            from <= minute && (minute < to || to <= from)
        };
        let since_yesterday = |shift: &Shift| {
            let (from, to) = (shift.from.minutes(), shift.to.minutes());
            to <= from && minute < to
        };
        self.shifts_of(day).iter().any(open_today) || self.shifts_of(day - 1).iter().any(since_yesterday)
    }

    /// What the clock on the wall shows then.
    fn wall_s(&self, utc_s: i64) -> Option<i64> {
        Some(utc_s + offset_seconds(&self.zone, jiff::Timestamp::from_second(utc_s).ok()?))
    }

    /// When it opens next: where a shift begins, each time that the clock shows it, or where the clock is put into one.
    /// Given a shift from 02:30 and a night in which 02:00 becomes 03:00, then at 03:00; given one that ended at 02:30
    /// and a night in which 03:00 becomes 02:00, then at the second 02:00.
    fn opens_after(&self, utc_s: i64) -> Option<i64> {
        let today = self.wall_s(utc_s)?.div_euclid(DAY_S);
        let begins_on = |day: i64| {
            let begins = self.shifts_of(day).iter().map(|shift| day * DAY_S + i64::from(shift.from.minutes()) * 60);
            begins.flat_map(|wall_s| self.shown_at(wall_s)).filter(|begin| *begin > utc_s).min()
        };
        let by_shift = (today - 1..=today + DAYS_AHEAD).find_map(begins_on);
        let by_clock = self.zone.following(jiff::Timestamp::from_second(utc_s).ok()?).map(|change| {
            let at_s = change.timestamp().as_second();
            (at_s, self.wall_s(at_s - 1), self.wall_s(at_s))
        });
        let ahead = by_clock.take_while(|(at_s, ..)| *at_s <= utc_s + DAYS_AHEAD * DAY_S);
        let opens = |wall_s: Option<i64>| wall_s.is_some_and(|wall_s| self.is_open(wall_s));
        let mut opening = ahead.filter(|(_, before, then)| !opens(*before) && opens(*then)).map(|(at_s, ..)| at_s);
        by_shift.into_iter().chain(opening.next()).min()
    }

    /// The instants at which the clock shows this: none where it is skipped, two where it comes twice.
    fn shown_at(&self, wall_s: i64) -> impl Iterator<Item = i64> {
        // No clock is more than a day from UTC, nor put twice within two days.
        let offset_at = |utc_s: i64| Some(offset_seconds(&self.zone, jiff::Timestamp::from_second(utc_s).ok()?));
        let (before, after) = (offset_at(wall_s - DAY_S), offset_at(wall_s + DAY_S));
        let offsets = before.into_iter().chain(after.filter(|after| before != Some(*after)));
        offsets.map(move |offset| wall_s - offset).filter(move |utc_s| self.wall_s(*utc_s) == Some(wall_s))
    }

    /// The shifts that begin on a day.
    fn shifts_of(&self, day: i64) -> &[Shift] {
        if let Some(shifts) = self.holidays.get(&day) {
            return shifts;
        }
        // The first of January 1970 was a Thursday.
        let weekday = usize::try_from((day + 3).rem_euclid(7)).unwrap_or_default();
        &self.weekly[weekday]
    }
}

fn day_number(date: Date) -> Option<i64> {
    let (year, month, day) = (i16::try_from(date.year()).ok()?, date.month().cast_signed(), date.day().cast_signed());
    let midnight = jiff::civil::Date::new(year, month, day).ok()?.to_zoned(TimeZone::UTC).ok()?;
    Some(midnight.timestamp().as_second().div_euclid(DAY_S))
}

#[cfg(test)]
mod tests {
    use super::*;
    use waypost_domain::calendar::{Holiday, TimeOfDay, Weekday, WeeklyHours};

    fn shift(from: &str, to: &str) -> Shift {
        Shift { from: TimeOfDay::parse(from).unwrap(), to: TimeOfDay::parse(to).unwrap() }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    /// Split shifts on weekdays, nights on Saturday, Christmas closed, a short Christmas Eve.
    fn clocks() -> Clocks {
        let weekdays = Weekday::ALL[..5].to_vec();
        let hours = vec![
            WeeklyHours { days: weekdays.clone(), shift: shift("09:00", "14:00") },
            WeeklyHours { days: weekdays, shift: shift("16:00", "20:00") },
            WeeklyHours { days: vec![Weekday::Saturday], shift: shift("22:00", "02:30") },
        ];
        let holiday = |date: &str, shifts| Holiday { date: Date::parse(date).unwrap(), name: String::new(), shifts };
        let holidays = vec![holiday("2026-12-25", vec![]), holiday("2026-12-24", vec![shift("09:00", "12:00")])];
        let name = |text: &str| CalendarName::new(text).unwrap();
        let office = Calendar { name: name("office"), zone: "Europe/Madrid".into(), hours, holidays };
        let always = WeeklyHours { days: Weekday::ALL.to_vec(), shift: shift("00:00", "24:00") };
        let day = Calendar { name: name("day"), zone: "UTC".into(), hours: vec![always], holidays: vec![] };
        Clocks::new(&[office, day])
    }

    fn check(name: &str, instant: &str, want: bool) {
        let office = CalendarName::new("office").unwrap();
        assert_eq!(clocks().is_open(&office, at(instant)), Some(want), "{name}");
    }

    #[test]
    fn hours_of_a_week() {
        // Madrid is an hour ahead of UTC in winter and two in summer.
        check("Monday before nine", "2026-01-12T07:59:59Z", false);
        check("Monday at nine", "2026-01-12T08:00:00Z", true);
        check("the break", "2026-01-12T13:00:00Z", false);
        check("the second shift", "2026-01-12T15:00:00Z", true);
        check("its end", "2026-01-12T19:00:00Z", false);
        check("in summer an hour earlier", "2026-07-13T07:00:00Z", true);
        check("Sunday", "2026-01-11T10:00:00Z", false);
    }

    #[test]
    fn nights_belong_to_the_day_they_begin_on() {
        check("Saturday night", "2026-01-10T21:00:00Z", true);
        check("Sunday past midnight", "2026-01-11T01:29:00Z", true);
        check("Sunday at half past two", "2026-01-11T01:30:00Z", false);
        check("Saturday past midnight belongs to Friday", "2026-01-10T00:00:00Z", false);
    }

    #[test]
    fn holidays_have_hours_of_their_own() {
        check("Christmas Eve, morning", "2026-12-24T10:00:00Z", true);
        check("Christmas Eve, afternoon", "2026-12-24T16:00:00Z", false);
        check("Christmas, a Friday", "2026-12-25T10:00:00Z", false);
    }

    #[test]
    fn clocks_that_change() {
        // On 29 March 2026 two o'clock becomes three; the shift that ends at 02:30 ends with the jump.
        check("before the jump", "2026-03-29T00:59:59Z", true);
        check("behind it", "2026-03-29T01:00:00Z", false);
        // On 25 October 2026 three o'clock becomes two: the half hour from two comes twice.
        check("the first two o'clock", "2026-10-25T00:10:00Z", true);
        check("half past two", "2026-10-25T00:40:00Z", false);
        check("the second two o'clock", "2026-10-25T01:10:00Z", true);
    }

    /// The next opening in a zone with one shift a day, as the clock on the wall shows it.
    #[track_caller]
    fn check_opens(zone: &str, from_to: (&str, &str), instant: &str, want: Option<&str>) {
        let name = CalendarName::new("one").unwrap();
        let daily = WeeklyHours { days: Weekday::ALL.to_vec(), shift: shift(from_to.0, from_to.1) };
        let calendar = Calendar { name: name.clone(), zone: zone.into(), hours: vec![daily], holidays: vec![] };
        let clocks = Clocks::new(&[calendar]);
        assert_eq!(clocks.is_open(&name, at(instant)), Some(false), "{zone} {instant}: it is to be closed");
        assert_eq!(clocks.opens_at(&name, at(instant)).as_deref(), want, "{zone} {instant}");
    }

    #[test]
    fn the_next_opening_where_clocks_change() {
        const MADRID: &str = "Europe/Madrid";
        let (night, early) = (("02:30", "06:00"), ("01:00", "02:30"));
        // 28 March 2027: two o'clock becomes three. 31 October 2027: three becomes two.
        check_opens(MADRID, night, "2027-03-27T00:00:00Z", Some("02:30"));
        check_opens(MADRID, night, "2027-03-28T00:00:00Z", Some("03:00"));
        check_opens(MADRID, ("02:10", "02:50"), "2027-03-28T00:00:00Z", Some("mon 02:10"));
        check_opens(MADRID, early, "2027-10-31T00:40:00Z", Some("02:00"));
        check_opens(MADRID, early, "2027-10-31T01:40:00Z", Some("01:00"));
        check_opens(MADRID, ("02:10", "02:20"), "2027-10-31T00:30:00Z", Some("02:10"));
        check_opens(MADRID, ("02:10", "02:20"), "2027-10-31T01:30:00Z", Some("02:10"));
        // By half an hour; at midnight, back into the day before, and over the first hour.
        check_opens("Australia/Lord_Howe", ("01:45", "01:50"), "2027-04-03T14:55:00Z", Some("01:45"));
        check_opens("America/Santiago", ("23:00", "23:15"), "2027-04-04T02:30:00Z", Some("23:00"));
        check_opens("Asia/Beirut", ("00:30", "04:00"), "2027-03-27T21:00:00Z", Some("01:00"));
        // Ends of a year and of a leap February.
        check_opens("Asia/Kolkata", ("10:00", "19:00"), "2027-12-31T16:00:00Z", Some("10:00"));
        check_opens(MADRID, ("09:00", "18:00"), "2028-02-28T18:00:00Z", Some("09:00"));
        check_opens(MADRID, ("09:00", "18:00"), "2028-02-29T18:00:00Z", Some("09:00"));
    }

    #[test]
    fn by_the_customer_s_clock() {
        let office = CalendarName::new("office").unwrap();
        let noon_utc = at("2026-01-12T12:00:00Z");
        assert_eq!(clocks().is_open_in(&office, "America/Mexico_City", noon_utc), Some(false), "six in the morning");
        assert_eq!(clocks().is_open_in(&office, "europe/london", noon_utc), Some(true));
        assert_eq!(clocks().is_open_in(&office, "Mars/Olympus", noon_utc), None);
        assert_eq!(clocks().utc_offset_minutes("Asia/Kolkata", noon_utc), Some(330));
        assert_eq!(clocks().utc_offset_minutes("America/St_Johns", noon_utc), Some(-210));
    }

    #[test]
    fn a_whole_day_has_no_gap_at_midnight() {
        let day = CalendarName::new("day").unwrap();
        for minute in (0..2 * 24 * 60).step_by(7) {
            assert_eq!(clocks().is_open(&day, Timestamp::from_millis(minute * 60_000)), Some(true));
        }
    }
}
