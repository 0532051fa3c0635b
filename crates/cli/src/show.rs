//! How lists look on a terminal: cut to its width, and with colours for what matters. What goes into a pipe or a file is
//! whole and plain.

use std::borrow::Cow;
use std::env;
use std::fmt;
use std::io::{self, IsTerminal};

use console::{Alignment, Style, Term, measure_text_width, pad_str, truncate_str};
use uuid::Uuid;

/// Between columns.
const GAP: &str = "  ";
/// No column is made narrower than this to make room for others.
const WIDTH_MIN: usize = 8;
/// Characters of a bar at most and at least, and of what stands beside it.
const BAR_MAX: usize = 40;
const BAR_MIN: usize = 10;
const BAR_BESIDE: usize = 8;
/// Stands for what was cut.
const CUT: &str = "…";
/// Columns that are neither cut nor left out while there are others.
const KEPT: [&str; 5] = ["team", "state", "priority", "phase", "trial"];
/// Whose names need no collection before them: their column says what they are.
const COLLECTIONS: [&str; 4] = ["teams/", "numbers/", "tokens/", "ruleSets/"];
/// Of a version.
const PARTS: [&str; 2] = ["rules/", "calendars/"];
/// As much of a decision's id as says which it is; `waypost trace` takes it.
const SHORT_ID_CHARS: usize = 8;

/// Where a text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Screen {
    /// Columns; `None` for as many as it takes.
    width: Option<usize>,
    has_colour: bool,
}

impl Screen {
    /// Standard output. `COLUMNS`, `NO_COLOR` and `CLICOLOR_FORCE` say more of it, as <https://no-color.org> and
    /// <https://bixense.com/clicolors/> have it.
    pub fn stdout() -> Self {
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
        let is_terminal = io::stdout().is_terminal();
        let asked: Option<usize> = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let of_terminal = || Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
        let is_plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            width: asked.filter(|columns| *columns > 0).or_else(|| is_terminal.then(of_terminal).flatten()),
            has_colour: !is_plain && (is_terminal || is_set("CLICOLOR_FORCE")),
        }
    }

    /// One of so many columns, without colours.
    #[cfg(test)]
    pub(crate) const fn of_width(columns: usize) -> Self {
        Self { width: Some(columns), has_colour: false }
    }

    /// A line that has no columns.
    pub fn cut<'a>(&self, line: &'a str) -> Cow<'a, str> {
        match self.width {
            Some(width) => truncate_str(line, width, CUT),
            None => Cow::Borrowed(line),
        }
    }

    /// A text in as many lines as it takes, each behind so many spaces. A word that is longer than a line is left whole, and what
    /// somebody else wrote does not steer the terminal.
    pub fn wrapped(&self, text: &str, indent: usize) -> Vec<String> {
        let margin = " ".repeat(indent);
        let room = self.width.map_or(usize::MAX, |width| width.saturating_sub(indent).max(WIDTH_MIN));
        let mut lines = Vec::new();
        for paragraph in text.lines() {
            let paragraph = paragraph.replace(char::is_control, " ");
            let mut line = String::new();
            for word in paragraph.split(' ') {
                if !line.is_empty() && measure_text_width(&line) + 1 + measure_text_width(word) > room {
                    lines.push(format!("{margin}{line}"));
                    line.clear();
                } else if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            lines.push(format!("{margin}{line}").trim_end().to_owned());
        }
        lines
    }

    /// How much of it is done, in characters that every terminal has.
    pub fn bar(&self, done: u64, all: u64) -> String {
        let width = self.width.unwrap_or(BAR_MAX + BAR_BESIDE).saturating_sub(BAR_BESIDE).clamp(BAR_MIN, BAR_MAX);
        let share = done.min(all).saturating_mul(1_000).checked_div(all).unwrap_or_default();
        let filled = usize::try_from(share).unwrap_or_default() * width / 1_000;
        let (filled, rest) = ("#".repeat(filled), "-".repeat(width - filled));
        format!("[{}{rest}] {:>3} %", self.paint(&Style::new().green(), &filled), share / 10)
    }

    /// A team's name.
    pub fn team(&self, text: &str) -> String {
        self.paint(&Style::new().cyan(), text)
    }

    /// `urgent` stands out.
    pub fn priority(&self, text: &str) -> String {
        let style = if text.trim_end() == "urgent" { Style::new().red().bold() } else { Style::new() };
        self.paint(&style, text)
    }

    /// `ok`, `warn` and `bad`, each in its colour.
    pub fn verdict(&self, text: &str) -> String {
        let style = match text.trim_end() {
            "ok" => Style::new().green(),
            "warn" => Style::new().yellow(),
            "bad" => Style::new().red().bold(),
            _ => Style::new(),
        };
        self.paint(&style, text)
    }

    fn paint(&self, style: &Style, text: &str) -> String {
        if self.has_colour { style.clone().force_styling(true).apply_to(text).to_string() } else { text.to_owned() }
    }
}

/// Rows under a header.
#[derive(Debug, Clone, Default)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// One without rows.
    pub fn new(header: &[&str]) -> Self {
        Self { header: header.iter().map(|&name| name.to_owned()).collect(), rows: Vec::new() }
    }

    /// As many cells as the header has.
    pub fn add_row<I: IntoIterator<Item: Into<String>>>(&mut self, cells: I) {
        // What somebody else wrote must not steer the terminal.
        self.rows.push(cells.into_iter().map(|cell| cell.into().replace(char::is_control, " ")).collect());
    }

    /// Several.
    pub fn add_rows<R: IntoIterator<Item: IntoIterator<Item: Into<String>>>>(&mut self, rows: R) {
        rows.into_iter().for_each(|row| self.add_row(row));
    }

    /// Its lines, as that screen takes them: names and times are shortened, then the widest columns cut, then left out
    /// from the right; the first one, and those that somebody looks for, last of all.
    pub fn on(&self, screen: &Screen) -> String {
        let Some(limit) = screen.width.filter(|limit| total(&self.widths()) > *limit) else {
            return self.lines(screen, &self.widths());
        };
        let mut shorter = self.with_cells(short);
        if total(&shorter.widths()) > limit {
            shorter = shorter.with_cells(|cell| day_and_minute(&cell));
        }
        let mut widths = shorter.widths();
        let cut = |table: &Self, widths: &mut Vec<usize>| {
            let columns = widths.iter_mut().enumerate().skip(1).filter(|(place, _)| !table.is_kept(*place));
            let widest = columns.map(|(_, width)| width).max_by_key(|width| **width);
            widest.filter(|width| **width > WIDTH_MIN).map(|width| *width -= 1).is_some()
        };
        while total(&widths) > limit && cut(&shorter, &mut widths) {}
        while total(&widths) > limit {
            let Some(last) = (1..widths.len()).rev().find(|place| !shorter.is_kept(*place)) else { break };
            shorter.leave_out(last);
            widths.remove(last);
        }
        shorter.lines(screen, &widths)
    }

    fn with_cells(&self, change: impl Fn(String) -> String) -> Self {
        let rows = self.rows.iter().map(|row| row.iter().cloned().map(&change).collect()).collect();
        Self { header: self.header.clone(), rows }
    }

    fn is_kept(&self, place: usize) -> bool {
        KEPT.contains(&self.header[place].to_lowercase().as_str())
    }

    fn leave_out(&mut self, place: usize) {
        self.header.remove(place);
        for row in &mut self.rows {
            row.remove(place);
        }
    }

    fn widths(&self) -> Vec<usize> {
        let of_column = |place: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(place)).chain([&self.header[place]]);
            cells.map(|cell| measure_text_width(cell)).max().unwrap_or_default()
        };
        (0..self.header.len()).map(of_column).collect()
    }

    fn lines(&self, screen: &Screen, widths: &[usize]) -> String {
        let mut lines = Vec::with_capacity(self.rows.len() + 1);
        lines.push(line(&self.header, widths, |_, cell| cell.to_owned()));
        for row in &self.rows {
            lines.push(line(row, widths, |place, cell| match self.header[place].to_lowercase().as_str() {
                "team" => screen.team(cell),
                "priority" => screen.priority(cell),
                _ => cell.to_owned(),
            }));
        }
        let cut: Vec<Cow<'_, str>> = lines.iter().map(|line| screen.cut(line.trim_end())).collect();
        cut.join("\n")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.on(&Screen::default()))
    }
}

fn line(cells: &[String], widths: &[usize], paint: impl Fn(usize, &str) -> String) -> String {
    let padded = cells
        .iter()
        .zip(widths)
        .enumerate()
        .map(|(place, (cell, width))| paint(place, &pad_str(cell, *width, Alignment::Left, Some(CUT))));
    padded.collect::<Vec<_>>().join(GAP)
}

fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1)
}

/// A decision's id by its beginning, a time to the second, and what has its name in a collection without that; anything
/// else as it is.
fn short(cell: String) -> String {
    let id = cell.strip_prefix("decisions/").filter(|id| Uuid::try_parse(id).is_ok());
    if let Some(id) = id {
        return short_id(id).to_owned();
    }
    if cell.len() >= 20 && cell.is_ascii() && cell.as_bytes()[10] == b'T' && cell.ends_with('Z') {
        return format!("{} {}Z", &cell[..10], &cell[11..19]);
    }
    let of_version = cell.strip_prefix("ruleSets/").and_then(|rest| rest.split_once('/'));
    let part = of_version.and_then(|(_, part)| PARTS.iter().find_map(|collection| part.strip_prefix(collection)));
    let name = part.or_else(|| COLLECTIONS.iter().find_map(|collection| cell.strip_prefix(collection)));
    name.filter(|name| !name.contains('/')).map(str::to_owned).unwrap_or(cell)
}

/// `2026-12-01 09:00:00Z` as `12-01 09:00`; anything else as it is.
fn day_and_minute(cell: &str) -> String {
    let is_time = cell.len() == 20 && cell.is_ascii() && cell.as_bytes()[10] == b' ' && cell.ends_with('Z');
    let is_time = is_time && cell[..4].bytes().all(|byte| byte.is_ascii_digit());
    if is_time { cell[5..16].to_owned() } else { cell.to_owned() }
}

/// The beginning of a decision's id, by which `waypost trace` finds it.
pub fn short_id(id: &str) -> &str {
    id.get(..SHORT_ID_CHARS).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "24f07525-119d-59fd-92a8-eb1a552abc3d";

    fn table() -> Table {
        let mut table = Table::new(&["NAME", "TIME", "TEAM", "PRIORITY", "WHY"]);
        let why = "the word \"invoice\" stands in what the customer wrote, and nothing speaks against it";
        table.add_row([&format!("decisions/{ID}"), "2026-12-01T09:00:00.125Z", "teams/billing", "urgent", why]);
        table.add_row(["none", "", "teams/日本", "normal", "a\nb\u{1b}[31m"]);
        table
    }

    fn screen(width: Option<usize>, has_colour: bool) -> Screen {
        Screen { width, has_colour }
    }

    #[test]
    fn a_pipe_gets_everything() {
        let told = table().to_string();
        assert!(told.contains(ID) && told.contains("nothing speaks against it") && told.contains("09:00:00.125Z"));
        assert!(!told.contains('\u{1b}'), "nothing steers the terminal: {told}");
        assert_eq!(told.lines().count(), 3);
        assert_eq!(table().on(&screen(Some(500), false)), told, "there is room");
    }

    #[test]
    fn a_narrow_terminal_is_not_overrun() {
        for width in [80, 60, 20, 5] {
            let told = table().on(&screen(Some(width), false));
            let widths: Vec<usize> = told.lines().map(measure_text_width).collect();
            assert!(widths.iter().all(|one| *one <= width), "{width}: {widths:?}\n{told}");
        }
        let told = table().on(&screen(Some(80), false));
        assert!(told.contains("24f07525  12-01 09:00  billing  urgent"), "{told}");
        assert!(told.contains(CUT) && told.contains("the word"), "{told}");
    }

    /// What somebody looks for in a list is there on the narrowest usual terminal.
    #[test]
    fn team_and_state_are_the_last_to_go() {
        let mut rules = Table::new(&["NAME", "TITLE", "PHASE", "TEAM", "PRIORITY", "DISABLED", "ETAG"]);
        let etag = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let title = "Invoices and everything else that has to do with money";
        rules.add_row([
            "ruleSets/5/rules/billing-words-of-customers",
            title,
            "route",
            "teams/billing",
            "80",
            "no",
            etag,
        ]);
        let told = rules.on(&screen(Some(80), false));
        assert!(told.contains("billing-words-of-customers") && told.contains("Invo"), "{told}");
        assert!(!told.contains("ruleSets"), "{told}");
        for column in ["route", "  billing  ", "80"] {
            assert!(told.contains(column), "{column}: {told}");
        }
        let mut history = Table::new(&["REVISION", "ACTIVE", "TRIAL", "SHADOW", "CREATE_TIME", "CREATOR", "REASON"]);
        let time = "2026-11-29T12:24:31.125Z";
        history.add_row([
            "7",
            "ruleSets/1",
            "ruleSets/3 for 10 %",
            "",
            time,
            "Kim of support",
            "new opening hours of us",
        ]);
        let told = history.on(&screen(Some(80), false));
        assert!(
            told.contains("  3 for 10 %  ") && told.contains("  11-29 12:24  ") && told.contains("new open"),
            "{told}"
        );
        let mut teams =
            Table::new(&["NAME", "TITLE", "STATE", "WAITING", "STAFFED", "MAX_WAITING", "MAX_WAIT", "PARENT"]);
        teams.add_row(["teams/a", &"Money ".repeat(9), "pending topology", "17", "yes", "1000", "3600s", "teams/b"]);
        let told = teams.on(&screen(Some(60), false));
        assert!(told.contains("pending topology") && told.contains("WAITING") && !told.contains("PARENT"), "{told}");
        assert!(told.lines().all(|line| measure_text_width(line) <= 60), "{told}");
    }

    #[test]
    fn colours_take_no_room() {
        let (plain, coloured) = (table().on(&screen(Some(80), false)), table().on(&screen(Some(80), true)));
        assert!(coloured.contains("\u{1b}[36mbilling") && coloured.contains("\u{1b}[31m\u{1b}[1murgent"));
        assert!(!coloured.contains("\u{1b}[31m\u{1b}[1mnormal"), "only what is urgent stands out");
        assert_eq!(console::strip_ansi_codes(&coloured), plain);
    }

    #[test]
    fn a_bar_fits_and_is_plain_where_it_has_to_be() {
        assert_eq!(screen(Some(28), false).bar(1, 2), format!("[{}{}]  50 %", "#".repeat(10), "-".repeat(10)));
        assert_eq!(measure_text_width(&screen(None, true).bar(999, 1_000)), 48);
        assert!(
            screen(Some(1), false).bar(9, 3).ends_with("#] 100 %") && screen(None, false).bar(0, 0).contains("0 %")
        );
        let coloured = screen(Some(28), true).bar(1, 2);
        assert_eq!(console::strip_ansi_codes(&coloured), screen(Some(28), false).bar(1, 2));
    }

    #[test]
    fn an_empty_list_has_its_header() {
        assert_eq!(Table::new(&["NAME", "TITLE"]).on(&screen(Some(80), true)), "NAME  TITLE");
        assert_eq!(short_id("24"), "24");
    }
}
