//! The administration as a component: its services behind a server of its own.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use waypost_bus::Bus;
use waypost_grpc::{BindError, GrpcConfig, GrpcServer, ServeError, Services};
use waypost_live::overview::Watched;
use waypost_proto::admin::DESCRIPTOR_SET;
use waypost_proto::admin_v1::alert_service_server::AlertServiceServer;
use waypost_proto::admin_v1::audit_service_server::AuditServiceServer;
use waypost_proto::admin_v1::calendar_service_server::CalendarServiceServer;
use waypost_proto::admin_v1::campaign_service_server::CampaignServiceServer;
use waypost_proto::admin_v1::consent_service_server::ConsentServiceServer;
use waypost_proto::admin_v1::contact_service_server::ContactServiceServer;
use waypost_proto::admin_v1::dead_letter_service_server::DeadLetterServiceServer;
use waypost_proto::admin_v1::decision_service_server::DecisionServiceServer;
use waypost_proto::admin_v1::limit_service_server::LimitServiceServer;
use waypost_proto::admin_v1::number_service_server::NumberServiceServer;
use waypost_proto::admin_v1::policy_service_server::PolicyServiceServer;
use waypost_proto::admin_v1::rule_service_server::RuleServiceServer;
use waypost_proto::admin_v1::rule_set_service_server::RuleSetServiceServer;
use waypost_proto::admin_v1::status_service_server::StatusServiceServer;
use waypost_proto::admin_v1::team_queue_service_server::TeamQueueServiceServer;
use waypost_proto::admin_v1::team_service_server::TeamServiceServer;
use waypost_proto::admin_v1::template_service_server::TemplateServiceServer;
use waypost_proto::admin_v1::token_service_server::TokenServiceServer;
use waypost_store::Store;

use crate::queues::TeamQueues;
use crate::roles::METHODS;
use crate::services::alerts::Alerts;
use crate::services::audit::Audit;
use crate::services::calendars::Calendars;
use crate::services::campaigns::Campaigns;
use crate::services::consent::Consent;
use crate::services::contacts::Contacts;
use crate::services::dead_letters::DeadLetters;
use crate::services::dead_letters::replays::Replays;
use crate::services::decisions::Decisions;
use crate::services::limits::Limits;
use crate::services::numbers::Numbers;
use crate::services::policy::Policies;
use crate::services::rule_sets::RuleSets;
use crate::services::rules::Rules;
use crate::services::status::Statuses;
use crate::services::team_queues::{Leases, TeamQueues as Queues};
use crate::services::teams::Teams;
use crate::services::templates::Templates;
use crate::services::tokens::Tokens;
use crate::{Shared, TemplateSource};

/// An administration that listens, and does not answer yet.
pub struct Admin {
    server: GrpcServer,
    leases: Leases,
    replays: Replays,
    drain_timeout: Duration,
}

impl Admin {
    /// `templates`: where Meta's lists are read, if they can be. `beside`: what other components answer at the same address.
    pub async fn bind(
        config: GrpcConfig,
        bus: Arc<dyn Bus>,
        store: Store,
        team_queues: TeamQueues,
        watched: Watched,
        templates: Option<Arc<dyn TemplateSource>>,
        beside: Services,
    ) -> Result<Self, BindError> {
        let leases = Leases::default();
        let drain_timeout = config.limits.drain_timeout;
        let replays = Replays::new(bus.clone(), store.clone());
        let shared = Shared { bus, store: store.clone(), team_queues, watched, templates, leases: leases.clone() };
        let server = GrpcServer::bind(config, store, services(shared, replays.clone()).and(beside)).await?;
        Ok(Self { server, leases, replays, drain_timeout })
    }

    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.server.local_addr()
    }

    /// Answers, and works on replays, until `shutdown`; then finishes what is under way, for a while.
    ///
    /// Boxed, as each component's whole run is: so it is compiled here and not in whoever starts it.
    pub fn run(self, shutdown: CancellationToken) -> Pin<Box<dyn Future<Output = Result<(), ServeError>> + Send>> {
        let Self { server, leases, replays, drain_timeout } = self;
        Box::pin(async move {
            // It ends with the server, and the server with `shutdown`.
            let working = shutdown.child_token();
            let serving = async {
                let served = Box::pin(server.run(shutdown)).await;
                working.cancel();
                served
            };
            let ending = async {
                working.cancelled().await;
                // Who waits for a message would hold up the end.
                leases.end().await;
            };
            let (served, (), ()) = tokio::join!(serving, Box::pin(replays.run(working.clone(), drain_timeout)), ending);
            served
        })
    }
}

fn services(shared: Shared, replays: Replays) -> Services {
    Services::default()
        .describe(METHODS, DESCRIPTOR_SET)
        .serve(AlertServiceServer::new(Alerts { shared: shared.clone() }))
        .serve(AuditServiceServer::new(Audit { shared: shared.clone() }))
        .serve(CalendarServiceServer::new(Calendars { shared: shared.clone() }))
        .serve(CampaignServiceServer::new(Campaigns { shared: shared.clone() }))
        .serve(ConsentServiceServer::new(Consent { shared: shared.clone() }))
        .serve(ContactServiceServer::new(Contacts { shared: shared.clone() }))
        .serve(DecisionServiceServer::new(Decisions { shared: shared.clone() }))
        .serve(LimitServiceServer::new(Limits::new(shared.clone())))
        .serve(NumberServiceServer::new(Numbers { shared: shared.clone() }))
        .serve(PolicyServiceServer::new(Policies { shared: shared.clone() }))
        .serve(RuleServiceServer::new(Rules { shared: shared.clone() }))
        .serve(RuleSetServiceServer::new(RuleSets { shared: shared.clone() }))
        .serve(StatusServiceServer::new(Statuses { shared: shared.clone() }))
        .serve(TeamQueueServiceServer::new(Queues { shared: shared.clone() }))
        .serve(TeamServiceServer::new(Teams { shared: shared.clone() }))
        .serve(TemplateServiceServer::new(Templates { shared: shared.clone() }))
        .serve(TokenServiceServer::new(Tokens { shared: shared.clone() }))
        .serve(DeadLetterServiceServer::new(DeadLetters { shared, replays }))
}
