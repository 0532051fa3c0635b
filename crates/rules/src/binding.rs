//! Who may take an open conversation away: the phases, one after the other, as far as the conversation's binding lets
//! them. The index and the plain scan search, and both are asked by what stands here.
//!
//! A loose conversation is decided afresh. A firm one stays unless a rule that moves matches. One that a person holds
//! stays, whatever the customer says, unless a rule moves always; who would have got it is told.

use waypost_domain::team::WhenClosed;
use waypost_domain::{Binding, TeamName};

use crate::choice::{By, Unmet, target};
use crate::compile::RuleSet;
use crate::input::{OpenConversation, RouteInput, Semantics};
use crate::model::{Move, Phase, Rule};

/// Finds rules for one input.
pub(crate) trait Search<'a> {
    /// Whether the customer asks for a person: the rule set's own words and buttons.
    fn asks_for_person(&mut self) -> bool;

    /// The rule that wins in a phase, among those that `accept` takes.
    fn first(&mut self, phase: Phase, accept: impl Fn(&Rule) -> bool) -> Option<By<'a>>;
}

/// Who decides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settled<'a> {
    pub(crate) phase: Phase,
    pub(crate) by: By<'a>,
    pub(crate) unmet: Unmet<'a>,
}

impl<'a> Settled<'a> {
    const fn by(phase: Phase, by: By<'a>) -> Self {
        Self { phase, by, unmet: Unmet::Nothing }
    }

    const fn stays(unmet: Unmet<'a>) -> Self {
        Self { phase: Phase::Bind, by: By::OpenConversation, unmet }
    }
}

impl RuleSet {
    pub(crate) fn settle<'a>(&'a self, input: &'a RouteInput, search: &mut impl Search<'a>) -> Settled<'a> {
        let open = input.open.as_ref().filter(|open| self.has_team(&open.team));
        if input.is_rating() || (input.closes && open.is_some()) {
            return match open {
                Some(_) => Settled::stays(Unmet::Nothing),
                None => default(search),
            };
        }
        match (open, input.semantics) {
            (None, _) => self.afresh(input, search),
            (Some(_), Semantics::BeforeBindings) => before_bindings(search),
            (Some(open), Semantics::Bindings) => match open.binding {
                Binding::Loose => self.loose(input, open, search),
                Binding::Firm if self.decides_again(&open.team, input) => self.afresh(input, search),
                Binding::Firm => firm(input, open, search),
                Binding::Held => held(input, open, search),
            },
        }
    }

    /// The default leaves it where it is, unless it names another team by now.
    fn loose<'a>(
        &'a self,
        input: &'a RouteInput,
        open: &OpenConversation,
        search: &mut impl Search<'a>,
    ) -> Settled<'a> {
        let settled = self.afresh(input, search);
        match (settled.phase, settled.by) {
            (Phase::Default, By::RuleSet) if *self.default_team() == open.team => {
                Settled::by(Phase::Default, By::OpenConversation)
            }
            _ => settled,
        }
    }

    /// As if nothing were open. Rules for teams that are closed and let others decide are not asked.
    fn afresh<'a>(&'a self, input: &'a RouteInput, search: &mut impl Search<'a>) -> Settled<'a> {
        if let Some(settled) = asked(search) {
            return settled;
        }
        // Among very many rules, to look at one costs more than to find it.
        let accept = |rule: &Rule| {
            !self.has_hours || target(rule, input).is_none_or(|(team, _)| !self.decides_again(team, input))
        };
        for phase in [Phase::Bind, Phase::Route, Phase::Default] {
            if let Some(by) = search.first(phase, accept) {
                return Settled::by(phase, by);
            }
        }
        Settled::by(Phase::Default, By::RuleSet)
    }

    fn decides_again(&self, team: &TeamName, input: &RouteInput) -> bool {
        let hours = self.closed(team, input).filter(|_| input.semantics == Semantics::Bindings);
        hours.is_some_and(|hours| hours.when_closed == WhenClosed::DecideAgain)
    }
}

fn before_bindings<'a>(search: &mut impl Search<'a>) -> Settled<'a> {
    if let Some(settled) = asked(search) {
        return settled;
    }
    match search.first(Phase::Bind, any) {
        Some(by) => Settled::by(Phase::Bind, by),
        None => Settled::stays(Unmet::Nothing),
    }
}

fn firm<'a>(input: &'a RouteInput, open: &OpenConversation, search: &mut impl Search<'a>) -> Settled<'a> {
    if let Some(settled) = asked(search) {
        return settled;
    }
    let moves = |rule: &Rule| move_of(rule, input, open) != Move::Never;
    if let Some(by) = search.first(Phase::Bind, |rule| moves(rule) || names(rule, input, &open.team)) {
        return Settled::by(Phase::Bind, by);
    }
    match wanted(input, open, search) {
        None => Settled::stays(Unmet::Nothing),
        Some((by, rule, _)) if moves(rule) => Settled::by(Phase::Route, by),
        // Given a rule of a higher priority that leaves the conversation alone, then it does not shield it from one that
        // moves: whoever wrote `move` there meant it.
        Some((_, rule, team)) => {
            match search.first(Phase::Route, |rule| moves(rule) && !names(rule, input, &open.team)) {
                Some(by) => Settled::by(Phase::Route, by),
                None => Settled::stays(Unmet::Team { team, rule, told: false }),
            }
        }
    }
}

fn held<'a>(input: &'a RouteInput, open: &OpenConversation, search: &mut impl Search<'a>) -> Settled<'a> {
    if search.asks_for_person() {
        return Settled::stays(Unmet::Person);
    }
    for phase in [Phase::Bind, Phase::Route] {
        let Some(by) = search.first(phase, |rule| rule.moves == Some(Move::Always)) else { continue };
        // One that names the team which has it takes it from nobody.
        let is_own = matches!(by, By::Rule { rule, .. } if names(rule, input, &open.team));
        return if is_own { Settled::stays(Unmet::Nothing) } else { Settled::by(phase, by) };
    }
    match wanted(input, open, search) {
        Some((_, rule, team)) => {
            let told = move_of(rule, input, open) != Move::Never;
            Settled::stays(Unmet::Team { team, rule, told })
        }
        None => Settled::stays(Unmet::Nothing),
    }
}

fn asked<'a>(search: &mut impl Search<'a>) -> Option<Settled<'a>> {
    let by = search.asks_for_person().then(|| search.first(Phase::Handover, any).unwrap_or(By::RuleSet));
    by.map(|by| Settled::by(Phase::Handover, by))
}

fn default<'a>(search: &mut impl Search<'a>) -> Settled<'a> {
    Settled::by(Phase::Default, search.first(Phase::Default, any).unwrap_or(By::RuleSet))
}

/// The rule that would decide if nothing were open, where it names another team than the one that has it.
fn wanted<'a>(
    input: &'a RouteInput,
    open: &OpenConversation,
    search: &mut impl Search<'a>,
) -> Option<(By<'a>, &'a Rule, &'a TeamName)> {
    let by = search.first(Phase::Route, any)?;
    let By::Rule { rule, .. } = by else { return None };
    let (team, _) = target(rule, input)?;
    (*team != open.team).then_some((by, rule, team))
}

fn any(_: &Rule) -> bool {
    true
}

fn names(rule: &Rule, input: &RouteInput, team: &TeamName) -> bool {
    target(rule, input).is_some_and(|(named, _)| named == team)
}

/// Whether `rule` takes the conversation away, if only people do not stand between. What it does not say itself depends
/// on the message: a tap on a menu of this conversation is an answer to us, and where nobody waits for one, whatever comes
/// is new. Everything else leaves the conversation where it is: half of what customers write has another team's word in it.
fn move_of(rule: &Rule, input: &RouteInput, open: &OpenConversation) -> Move {
    let moves = rule.phase == Phase::Bind || is_menu_tap(input) || !open.waits;
    rule.moves.unwrap_or(if moves { Move::UnlessHeld } else { Move::Never })
}

/// Of a message that others have sent, Meta's type has to tell: `interactive` is a tap on a menu, which lives in a conversation;
/// `button` one on a template, which may be weeks old.
/// <https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/payload-examples>
fn is_menu_tap(input: &RouteInput) -> bool {
    input.reply_id.is_some() && input.menu_here.unwrap_or(input.message_type == "interactive")
}
