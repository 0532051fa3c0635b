//! The requests that change something: which of their fields say how it is to be done. What else a request says is its
//! service's matter.

use prost::Name;

use crate::admin_v1 as v1;
use crate::gateway_v1 as gateway;

/// A request that changes something.
pub trait MutatingRequest: Name {
    /// A UUID of the caller's choice: the request is carried out once, however often it comes. Empty for none.
    fn request_id(&self) -> &str {
        ""
    }

    /// Whether it is only to be checked.
    fn validate_only(&self) -> bool {
        false
    }
}

/// The fields of that kind that each message has.
macro_rules! mutating_requests {
    ($($message:ident { $($field:ident),* })*) => {
        /// The table below, for the test.
        #[cfg(test)]
        const TABLE: &[(&str, &[&str])] = &[$((stringify!($message), &[$(stringify!($field)),*])),*];

        $(
        impl MutatingRequest for v1::$message {
            $(mutating_requests!(@ $field);)*
        })*
    };
    (@ request_id) => {
        fn request_id(&self) -> &str {
            &self.request_id
        }
    };
    (@ validate_only) => {
        fn validate_only(&self) -> bool {
            self.validate_only
        }
    };
}

mutating_requests! {
    AcknowledgeAlertRequest { request_id, validate_only }
    ActivateRuleSetRequest { request_id, validate_only }
    AddCampaignRecipientsRequest { request_id, validate_only }
    BatchUpsertContactsRequest { validate_only }
    CancelCampaignRequest { request_id, validate_only }
    CheckRuleSetRequest {}
    ConfirmContactRequest { validate_only }
    CreateCalendarRequest { request_id, validate_only }
    CreateCampaignRequest { request_id, validate_only }
    CreateRuleRequest { request_id, validate_only }
    CreateRuleSetRequest { request_id, validate_only }
    CreateTeamRequest { request_id, validate_only }
    CreateTokenRequest { request_id, validate_only }
    DeleteCalendarRequest { request_id, validate_only }
    DeleteCampaignRequest { validate_only }
    DeleteRuleRequest { request_id, validate_only }
    DeleteTeamRequest { validate_only }
    DiscardDeadLettersRequest {}
    EndShadowRequest { request_id, validate_only }
    EndTrialRequest { request_id, validate_only }
    EraseContactRequest { validate_only }
    DismissStopRequest { request_id, validate_only }
    GrantConsentRequest { request_id, validate_only }
    ImportHolidaysRequest { request_id, validate_only }
    LiftBarRequest { request_id, validate_only }
    PauseCampaignRequest { request_id, validate_only }
    RefuseClaimRequest { validate_only }
    ReplayDeadLettersRequest {}
    ResumeCampaignRequest { request_id, validate_only }
    RevokeTokenRequest { validate_only }
    RollBackActivationRequest { request_id, validate_only }
    SplitContactRequest { validate_only }
    StartCampaignRequest { request_id, validate_only }
    StartReplayRequest { request_id }
    StopReplayRequest {}
    SyncTemplatesRequest { validate_only }
    UpdateCalendarRequest { request_id, validate_only }
    UpdateNumberRequest { validate_only }
    UpdatePolicyRequest { request_id, validate_only }
    UpdateRuleRequest { request_id, validate_only }
    UpdateTeamRequest { validate_only }
    WithdrawConsentRequest { request_id, validate_only }
}

impl MutatingRequest for gateway::SetExternalRefRequest {
    fn validate_only(&self) -> bool {
        self.validate_only
    }
}

impl MutatingRequest for gateway::DeleteExternalRefRequest {
    fn validate_only(&self) -> bool {
        self.validate_only
    }
}

#[cfg(test)]
mod tests {
    use super::TABLE;

    /// A field that the table forgot would make a request that is only to be validated write, and a repeated one count
    /// twice.
    #[test]
    fn the_table_has_the_fields_that_the_messages_have() {
        let services = crate::admin::descriptors().services();
        for service in services.filter(|service| service.package_name() == "waypost.admin.v1") {
            for method in service.methods() {
                let input = method.input();
                let has = |field: &&str| input.get_field_by_name(field).is_some();
                let fields: Vec<&str> = ["request_id", "validate_only"].into_iter().filter(has).collect();
                let row = TABLE.iter().find(|(message, _)| *message == input.name());
                let listed = row.map_or(&[][..], |(_, fields)| *fields);
                assert_eq!(fields, listed, "{}", input.name());
            }
        }
    }
}
