//! Notes about rules that ask for a person by an attribute: a fallback that no customer gets to, and a person whom nobody
//! has. Notes and no warnings: the team's tool is told of the fallback too, and may use it when the person is away.

use crate::atom::{Atom, Field};
use crate::finding::{Finding, Severity, of_rule};
use crate::model::{Definition, Literal, OnUnknown, PersonTarget, Rule, Target};

/// Of a set without errors.
pub(super) fn notes(definition: &Definition, findings: &mut Vec<Finding>) {
    for (at, rule) in definition.enabled() {
        let Some(Target::Person(person)) = &rule.outcome.target else { continue };
        let note = problem(rule, person).map(|(field, problem)| of_rule(at, rule, field, problem));
        findings.extend(note.map(|note| Finding { severity: Severity::Note, ..note }));
    }
}

fn problem(rule: &Rule, person: &PersonTarget) -> Option<(&'static str, String)> {
    let name = &*person.attribute;
    let always = |says: fn(&Literal, &str, OnUnknown) -> bool| {
        rule.when.iter().all(|conjunct| conjunct.literals().iter().any(|one| says(one, name, rule.on_unknown)))
    };
    if always(is_unknown) {
        let problem = format!(
            "{name} asks for nobody: the rule holds only for customers without {name}; take that condition out of when"
        );
        return Some(("person", problem));
    }
    let fallback = person.fallback_team.as_ref().filter(|_| always(is_known))?;
    let problem = format!(
        "no message goes to {fallback} by this rule, which holds only for customers with {name}: take the condition on \
         {name} out of when for those without to go there; the team's tool is told of {fallback} all the same"
    );
    Some(("fallback_team", problem))
}

/// Whether the condition holds only where the attribute is known.
fn is_known(literal: &Literal, name: &str, on_unknown: OnUnknown) -> bool {
    match &literal.atom {
        Atom::Exists(Field::Attribute(one)) => **one == *name && !literal.negated,
        atom => atom.attribute() == Some(name) && on_unknown == OnUnknown::NoMatch,
    }
}

/// Whether the condition holds only where the attribute is not known.
fn is_unknown(literal: &Literal, name: &str, _: OnUnknown) -> bool {
    literal.negated && matches!(&literal.atom, Atom::Exists(Field::Attribute(one)) if **one == *name)
}
