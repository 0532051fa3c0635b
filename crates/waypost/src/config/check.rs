//! What is wrong with a configuration, each mistake by its field.

use std::net::SocketAddr;

use waypost_domain::{NumberName, PartitionCount};

use super::{Component, Config, ConfigError};

impl Config {
    /// Everything that is wrong for a process that runs these components.
    pub(crate) fn check(&self, components: &[Component]) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        let mut require = |holds: bool, field: &str, problem: &str| {
            if !holds {
                problems.push(format!("{field}: {problem}"));
            }
        };
        require(PartitionCount::new(self.partitions).is_some(), "partitions", "must be 1 to 99");
        require(self.is_bus_url(), "bus.url", "must be \"embedded\", amqp://… or amqps://…");
        require(self.is_store_url(), "store.url", "must be \"embedded\" or postgres://…");
        let together = [Component::Ingress, Component::Router].iter().all(|component| components.contains(component));
        if !together {
            let hint = "the embedded bus and store serve one process that runs all components; \
                        set an amqp:// and a postgres:// URL, or leave --component out";
            require(!self.bus_is_embedded(), "bus.url", hint);
            let uses_store = components.contains(&Component::Router) || components.contains(&Component::Admin);
            require(!uses_store || !self.store_is_embedded(), "store.url", hint);
        }
        require(self.router.conversation_idle_minutes > 0, "router.conversation_idle_minutes", "must be above 0");
        require(self.worker.batch_max > 0, "worker.batch_max", "must be above 0");
        require(self.worker.park_after_panics > 0, "worker.park_after_panics", "must be above 0");
        require(self.worker.park_after_deaths > 0, "worker.park_after_deaths", "must be above 0");
        require(
            self.retention.inbox_days >= 8,
            "retention.inbox_days",
            "must be 8 or more: Meta sends again for 7 days",
        );
        require(self.retention.every_s > 0, "retention.every_s", "must be above 0");
        let renew_leaves_room =
            self.worker.lease_renew_ms > 0 && self.worker.lease_renew_ms * 2 <= self.worker.lease_ttl_ms;
        require(renew_leaves_room, "worker.lease_renew_ms", "must be above 0 and at most half of worker.lease_ttl_ms");
        for (name, id) in &self.numbers {
            require(NumberName::new(name.clone()).is_ok(), &format!("numbers.{name}"), "is not a valid name");
            require(!id.trim().is_empty(), &format!("numbers.{name}"), "needs Meta's phone_number_id");
        }
        if components.contains(&Component::Ingress) {
            self.check_ingress(&mut require);
        }
        if components.contains(&Component::Admin) {
            self.check_grpc(components, &mut require);
        }
        if problems.is_empty() { Ok(()) } else { Err(ConfigError(problems)) }
    }

    fn check_ingress(&self, require: &mut impl FnMut(bool, &str, &str)) {
        let ingress = &self.ingress;
        let has_secret = !ingress.app_secrets.is_empty() || !ingress.app_secrets_file.is_empty();
        require(has_secret, "ingress.app_secrets", "at least one app secret (or ingress.app_secrets_file) is needed");
        let no_empty = ingress.app_secrets.iter().all(|secret| !secret.expose().is_empty());
        require(no_empty, "ingress.app_secrets", "a secret is empty");
        let has_token = ingress.verify_token.is_some() || ingress.verify_token_file.is_some();
        require(has_token, "ingress.verify_token", "the handshake's token (or ingress.verify_token_file) is needed");
        require(self.provider().is_some(), "ingress.provider", "must be \"meta\" or \"360dialog\"");
        require(ingress.path.starts_with('/'), "ingress.path", "must start with /");
        let tls_pair = ingress.tls_certificate_file.is_some() == ingress.tls_key_file.is_some();
        require(tls_pair, "ingress.tls_key_file", "certificate and key file go together");
        require(ingress.in_flight_max > 0, "ingress.in_flight_max", "must be above 0");
        require(ingress.connections_max > 0, "ingress.connections_max", "must be above 0");
        require(ingress.listen != self.admin.listen || ingress.listen.port() == 0, "admin.listen", "is ingress.listen");
    }

    fn check_grpc(&self, components: &[Component], require: &mut impl FnMut(bool, &str, &str)) {
        let grpc = &self.grpc;
        let Some(listen) = grpc.listen else {
            // Among others it is simply off.
            require(components.len() > 1, "grpc.listen", "is needed to run the component admin alone");
            return;
        };
        let has_tls = grpc.tls_certificate_file.is_some() && grpc.tls_key_file.is_some();
        let tls_pair = grpc.tls_certificate_file.is_some() == grpc.tls_key_file.is_some();
        require(tls_pair, "grpc.tls_key_file", "certificate and key file go together");
        let hint = "needs a certificate (grpc.tls_certificate_file), or a loopback address: tokens travel in it";
        require(has_tls || listen.ip().is_loopback(), "grpc.listen", hint);
        require(
            has_tls || grpc.client_ca_file.is_none(),
            "grpc.client_ca_file",
            "needs a certificate of the server too",
        );
        let is_free = |other: SocketAddr| listen != other || listen.port() == 0;
        require(
            is_free(self.admin.listen) && is_free(self.ingress.listen),
            "grpc.listen",
            "is taken by another section",
        );
        require(grpc.request_bytes_max > 0, "grpc.request_bytes_max", "must be above 0");
        require(grpc.request_timeout_ms > 0, "grpc.request_timeout_ms", "must be above 0");
        require(grpc.connections_max > 0, "grpc.connections_max", "must be above 0");
        require(grpc.streams_max > 0, "grpc.streams_max", "must be above 0");
        require(grpc.requests_max > 0, "grpc.requests_max", "must be above 0");
    }
}
