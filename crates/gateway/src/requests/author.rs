//! For whom the bus vouches. A team's user writes for its team, as an agent of that team does over gRPC.

use waypost_bus::topology::team_of_user;
use waypost_bus::{Message, USER_HEADER};
use waypost_grpc::{Caller, Role};

use super::refusal::Refusal;

/// What is called here as a method is over gRPC.
const METHOD: &str = "wa.send";
/// AMQP's name of the property.
const FIELD: &str = "user-id";

/// Who speaks. Where the bus knows no users, whoever owns its files.
pub(super) fn author(message: &Message, bus_has_users: bool) -> Result<Caller, Refusal> {
    let Some(user) = message.headers.get(USER_HEADER) else {
        if bus_has_users {
            let problem = "is missing: publish with the name of your user of the broker, which the broker checks";
            return Err(Refusal::new(FIELD, "USER_MISSING", problem));
        }
        return Ok(Caller::owner(METHOD));
    };
    let Some(team) = team_of_user(user) else {
        let problem = "may not send: the users of teams may, team-TEAM";
        return Err(Refusal::new(FIELD, "USER_NOT_ALLOWED", problem));
    };
    let actor = format!("users/{user}");
    Ok(Caller { actor, method: METHOD.to_owned(), bound_to: Some(vec![team]), roles: vec![Role::Agent] })
}
