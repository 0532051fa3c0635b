//! From plain data to a rule set that decides. Immutable, replaced as a whole, and known by a hash of what it says:
//! the same rules in another order, or with other comments, are the same version.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ring::digest::{Context, SHA256};
use waypost_domain::team::{Priority, TeamHours};
use waypost_domain::{Calendar, Team, TeamName};

use crate::atom::{Atom, Field, Parts, TextMatch};
use crate::errors::errors;
use crate::evaluate::Environment;
use crate::finding::RuleErrors;
use crate::fold::Folding;
use crate::forms::FORMS_VERSION;
use crate::index::{self, Index, Indexed};
use crate::input::RouteInput;
use crate::model::{Conjunct, Definition, Document, Literal, Rule, Target};
use crate::toml_form;
use crate::word_lists::WordLists;

/// A checked rule set, ready to decide.
#[derive(Debug, Clone)]
pub struct RuleSet {
    /// The first 12 hexadecimal digits of the SHA-256 of the canonical form of rules, teams and calendars.
    pub version: String,
    pub teams: Vec<Team>,
    pub(crate) definition: Arc<Definition>,
    /// The rule set's own words and buttons for a person, as conditions.
    requests: Vec<Conjunct>,
    pub(crate) environment: Environment,
    pub(crate) index: Index,
    calendars: Vec<Calendar>,
    team_places: BTreeMap<TeamName, usize>,
    /// Whether any team is ever closed.
    pub(crate) has_hours: bool,
    attributes: BTreeSet<Box<str>>,
    looks_at_language: bool,
    /// The teams whose queues rules ask about.
    queues_of: BTreeSet<TeamName>,
    briefs: Box<[Brief]>,
}

/// What most decisions need of a rule. All of them lie side by side: of very many rules, the rules themselves lie in no
/// cache.
#[derive(Debug, Clone, Copy)]
struct Brief {
    /// Its team's place; [`Brief::NO_TEAM`] where the message tells who gets it, and where nobody does.
    team: u32,
    urgency: Option<Priority>,
}

impl Brief {
    const NO_TEAM: u32 = u32::MAX;

    fn of(rule: &Rule, team_places: &BTreeMap<TeamName, usize>) -> Self {
        let place = match &rule.outcome.target {
            Some(Target::Team(team)) => team_places.get(team).and_then(|place| u32::try_from(*place).ok()),
            Some(Target::Person(_) | Target::Split(_)) | None => None,
        };
        Self { team: place.unwrap_or(Self::NO_TEAM), urgency: rule.outcome.urgency }
    }
}

/// Checks for errors and builds the index. Warnings are for `check::check`, which also tells places in a file.
pub fn compile(
    definition: impl Into<Arc<Definition>>,
    teams: Vec<Team>,
    calendars: Vec<Calendar>,
) -> Result<Arc<RuleSet>, RuleErrors> {
    let definition = definition.into();
    let folding = Folding::default();
    let errors = errors(&definition, &teams, &calendars, folding);
    if !errors.is_empty() {
        return Err(RuleErrors(errors));
    }
    Ok(Arc::new(RuleSet::build(definition, teams, calendars, folding)))
}

impl RuleSet {
    /// Reads, checks and compiles a rules file (TOML).
    pub fn parse(text: &str) -> Result<Self, RuleErrors> {
        Self::checked(text, toml_form::read(text)?, Folding::default())
    }

    /// A version that was kept with this hash: it goes on comparing words as it did when it was kept. A hash that the text
    /// has by no folding says nothing of it; then the newest one holds.
    pub fn restore(text: &str, version: &str) -> Result<Self, RuleErrors> {
        let mut document = toml_form::read(text)?;
        let canonical = toml_form::canonical(&document.definition, &document.teams, &document.calendars);
        let forms = document.definition.asks_for_forms();
        let is_of = |folding: &Folding| version_of(&canonical, *folding, forms) == version;
        let folding = Folding::ALL.into_iter().find(is_of).unwrap_or_default();
        if folding != Folding::default() {
            document.definition.fold_keywords(folding);
        }
        Self::checked(text, document, folding)
    }

    fn checked(text: &str, document: Document, folding: Folding) -> Result<Self, RuleErrors> {
        let mut errors = errors(&document.definition, &document.teams, &document.calendars, folding);
        if !errors.is_empty() {
            toml_form::locate(text, &mut errors);
            return Err(RuleErrors(errors));
        }
        let Document { definition, teams, calendars, words: _ } = document;
        Ok(Self::build(Arc::new(definition), teams, calendars, folding))
    }

    /// What has no errors.
    fn build(definition: Arc<Definition>, teams: Vec<Team>, calendars: Vec<Calendar>, folding: Folding) -> Self {
        let requests = requests(&definition);
        let enabled = definition.rules.iter().filter(|rule| rule.enabled);
        let places = teams.iter().enumerate().map(|(place, team)| (team.name.clone(), place));
        let team_places: BTreeMap<TeamName, usize> = places.collect();
        Self {
            version: version_of(
                &toml_form::canonical(&definition, &teams, &calendars),
                folding,
                definition.asks_for_forms(),
            ),
            environment: Environment::new(&calendars, &teams, enabled, folding),
            index: index::build(&definition, &requests, folding),
            briefs: definition.rules.iter().map(|rule| Brief::of(rule, &team_places)).collect(),
            team_places,
            attributes: attributes(&definition),
            looks_at_language: definition.rules.iter().any(asks_for_language),
            queues_of: definition.queues_of().cloned().collect(),
            has_hours: teams.iter().any(|team| team.hours.is_some()),
            teams,
            definition,
            requests,
            calendars,
        }
    }

    /// As a rules file that says the same, under the same version: without comments, and with the words of lists written
    /// out.
    pub fn text(&self) -> String {
        toml_form::write(&Document {
            definition: Definition::clone(&self.definition),
            teams: self.teams.clone(),
            calendars: self.calendars.clone(),
            words: WordLists::default(),
        })
    }

    pub fn definition(&self) -> &Arc<Definition> {
        &self.definition
    }

    pub fn calendars(&self) -> &[Calendar] {
        &self.calendars
    }

    pub fn has_team(&self, name: &TeamName) -> bool {
        self.team_places.contains_key(name)
    }

    pub fn team(&self, name: &TeamName) -> Option<&Team> {
        self.team_places.get(name).map(|place| &self.teams[*place])
    }

    /// How urgent a rule makes a message, and the team that it names for all of them; `None` for others.
    pub(crate) fn brief(&self, place: usize) -> (Option<&TeamName>, Option<Priority>) {
        let brief = self.briefs[place];
        (self.teams.get(brief.team as usize).map(|team| &team.name), brief.urgency)
    }

    /// The hours of a team that is closed when the input arrives.
    pub(crate) fn closed(&self, team: &TeamName, input: &RouteInput) -> Option<&TeamHours> {
        if !self.has_hours {
            return None;
        }
        let hours = self.team(team)?.hours.as_ref()?;
        let is_open = self.environment.clocks.is_open(&hours.calendar, input.received_at?)?;
        (!is_open).then_some(hours)
    }

    pub fn team_names(&self) -> BTreeSet<TeamName> {
        self.team_places.keys().cloned().collect()
    }

    pub fn default_team(&self) -> &TeamName {
        &self.definition.default.team
    }

    /// Whether any rule asks for this attribute of the customer.
    pub fn looks_at(&self, attribute: &str) -> bool {
        self.attributes.contains(attribute)
    }

    /// Whether any rule asks for the customer's language, or looks for forms of it.
    pub const fn looks_at_language(&self) -> bool {
        self.looks_at_language
    }

    /// The teams whose queues rules ask about.
    pub const fn looks_at_queues_of(&self) -> &BTreeSet<TeamName> {
        &self.queues_of
    }

    pub fn rule_count(&self) -> usize {
        self.definition.rules.len()
    }

    /// How it compares words.
    pub fn folding(&self) -> Folding {
        self.environment.folding
    }

    /// What the index was built from.
    pub(crate) fn indexed(&self) -> Indexed<'_> {
        Indexed { definition: &self.definition, requests: &self.requests, environment: &self.environment }
    }
}

/// The first 12 hexadecimal digits of the SHA-256 of the canonical form. Everything that a decision may depend on is
/// in it: the calendars, the teams and how words are compared too.
pub fn content_hash(definition: &Definition, teams: &[Team], calendars: &[Calendar]) -> String {
    version_of(&toml_form::canonical(definition, teams, calendars), Folding::default(), definition.asks_for_forms())
}

fn version_of(canonical: &str, folding: Folding, forms: bool) -> String {
    let mut hash = Context::new(&SHA256);
    hash.update(canonical.as_bytes());
    // The first one had no number yet.
    if folding != Folding::V1 {
        hash.update(format!("\n# folding {}\n", folding.number()).as_bytes());
    }
    if forms {
        hash.update(format!("\n# forms {FORMS_VERSION}\n").as_bytes());
    }
    let digest = hash.finish();
    digest.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn requests(definition: &Definition) -> Vec<Conjunct> {
    let handover = &definition.handover;
    let mut requests = Vec::new();
    let mut add = |atom: Atom| requests.push(Conjunct::new(vec![Literal::from(atom)]));
    if !handover.buttons.is_empty() {
        let any_of = handover.buttons.iter().map(|button| TextMatch::exact(button)).collect();
        add(Atom::Value { field: Field::Reply, any_of });
    }
    let words: Vec<_> = handover.words.values().flatten().cloned().collect();
    if !words.is_empty() {
        add(Atom::Keyword { any_of: words, within: Parts::OWN });
    }
    requests
}

fn asks_for_language(rule: &Rule) -> bool {
    rule.literals().any(|literal| match &literal.atom {
        Atom::Value { field, .. } | Atom::Exists(field) => matches!(field, Field::Language | Field::LanguageSource),
        atom => atom.follows_language(),
    })
}

fn attributes(definition: &Definition) -> BTreeSet<Box<str>> {
    let mut attributes = BTreeSet::new();
    for rule in &definition.rules {
        if let Some(Target::Person(person)) = &rule.outcome.target {
            attributes.insert(person.attribute.clone());
        }
        for literal in rule.literals() {
            if let Some(name) = literal.atom.attribute()
                && !attributes.contains(name)
            {
                attributes.insert(name.into());
            }
        }
    }
    attributes
}
