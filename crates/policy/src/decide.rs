//! The questions, in their order. What only another request mends comes first, what passes by itself last: so a request that
//! would never go is refused at once, however long it would have to wait besides.

use crate::asked::Asked;
use crate::going::Going;
use crate::verdict::{Allowed, Answer, Verdict};
use crate::window::Chosen;
use crate::{codes, consent, content, countries, expiry, health, hours, limits, people, template, warnings, window};

/// May this be sent now, to this contact?
pub fn verdict(asked: &Asked<'_>) -> Verdict {
    match questions(asked) {
        Ok(allowed) => Verdict::Allowed(Box::new(allowed)),
        Err(halt) => expiry::settle(halt, asked),
    }
}

fn questions(asked: &Asked<'_>) -> Answer<Allowed> {
    expiry::still_of_use(asked)?;

    // What is it?
    let free_form = content::fits(asked)?;
    window::was_read(asked)?;
    let mut going = match window::chosen(asked, free_form)? {
        Chosen::FreeForm(content, warnings) => window::free_form(asked, *content, warnings),
        Chosen::Template { request, is_substitute } => template::filled(asked, request, is_substitute)?,
    };

    // May it ever go to them?
    let address = people::address(asked)?;
    people::may_be_written_to(asked, &going)?;
    countries::are_served(asked, &going)?;
    codes::arrive_alive(asked, &going, &address)?;
    let consent = consent::granted(asked, &mut going)?;
    limits::automatic(asked)?;
    window::thread_is_ours(asked, &mut going)?;

    // May it go now?
    health::allows(asked, &going)?;
    template::is_not_paused(&going)?;
    health::is_paid(asked, &going)?;
    consent::no_stop_is_pending(asked, &mut going)?;
    limits::marketing(asked, &going)?;
    hours::are_not_quiet(asked, &going)?;
    let takes_place = limits::place(asked, &going)?;

    warnings::look(asked, &mut going);
    let Going { message, category, is_substitute, language, preview, warnings, template: _ } = going;
    Ok(Allowed { message, address, category, is_substitute, language, preview, consent, takes_place, warnings })
}
