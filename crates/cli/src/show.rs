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
/// Stands for what was cut.
const CUT: &str = "…";
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

    /// A line that has no columns.
    pub fn cut<'a>(&self, line: &'a str) -> Cow<'a, str> {
        match self.width {
            Some(width) => truncate_str(line, width, CUT),
            None => Cow::Borrowed(line),
        }
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

    /// Its lines, as that screen takes them: the widest columns are cut, the first one last of all.
    pub fn on(&self, screen: &Screen) -> String {
        let Some(limit) = screen.width.filter(|limit| total(&self.widths()) > *limit) else {
            return self.lines(screen, &self.widths());
        };
        let rows = self.rows.iter().map(|row| row.iter().map(|cell| short(cell)).collect()).collect();
        let shorter = Self { header: self.header.clone(), rows };
        let mut widths = shorter.widths();
        while total(&widths) > limit {
            let widest = widths.iter_mut().skip(1).max_by_key(|width| **width).filter(|width| **width > WIDTH_MIN);
            let Some(widest) = widest else { break };
            *widest -= 1;
        }
        shorter.lines(screen, &widths)
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

/// A decision's id by its beginning, and a time to the second; anything else as it is.
fn short(cell: &str) -> String {
    let id = cell.strip_prefix("decisions/").filter(|id| Uuid::try_parse(id).is_ok());
    if let Some(id) = id {
        return short_id(id).to_owned();
    }
    let is_time = cell.len() >= 20 && cell.is_ascii() && cell.as_bytes()[10] == b'T' && cell.ends_with('Z');
    if is_time { format!("{} {}Z", &cell[..10], &cell[11..19]) } else { cell.to_owned() }
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
        assert!(told.contains("24f07525  2026-12-01 09:00:00Z  teams/billing  urgent"), "{told}");
        assert!(told.contains(CUT) && told.contains("the word"), "{told}");
    }

    #[test]
    fn colours_take_no_room() {
        let (plain, coloured) = (table().on(&screen(Some(80), false)), table().on(&screen(Some(80), true)));
        assert!(coloured.contains("\u{1b}[36mteams/billing") && coloured.contains("\u{1b}[31m\u{1b}[1murgent"));
        assert!(!coloured.contains("\u{1b}[31m\u{1b}[1mnormal"), "only what is urgent stands out");
        assert_eq!(console::strip_ansi_codes(&coloured), plain);
    }

    #[test]
    fn an_empty_list_has_its_header() {
        assert_eq!(Table::new(&["NAME", "TITLE"]).on(&screen(Some(80), true)), "NAME  TITLE");
        assert_eq!(short_id("24"), "24");
    }
}
