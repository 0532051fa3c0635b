//! What the adapter must be told. Must never show the password: the URL is a secret from the moment it is given.

use std::path::PathBuf;
use std::time::Duration;

use lapin::uri::AMQPUri;
use secrecy::{ExposeSecret, SecretString};
use waypost_bus::BusError;

/// How to reach the broker, and how much may be under way.
#[derive(Debug, Clone)]
pub struct RabbitConfig {
    /// `amqp://user:password@host:5672/vhost`, or `amqps://` for TLS.
    pub url: SecretString,
    /// What the broker's operator sees in the list of connections.
    pub connection_name: String,
    /// A peer that is silent for two of these is dead. The broker takes about three to hand a single active
    /// consumer's queue to the next one.
    pub heartbeat: Duration,
    /// For the TCP connection, the TLS handshake and the AMQP handshake together.
    pub connect_timeout: Duration,
    /// Publications to one address share a channel, which keeps their order. Addresses that share one wait for each
    /// other, so there are more than addresses in use; a channel is opened when it is first needed.
    pub publish_channels: usize,
    /// Publications that wait for a confirm; above that, publishing is refused at once. A larger batch must find nothing in flight.
    pub in_flight_max: usize,
    /// Bytes of bodies that wait for a confirm; above that, publishing is refused at once. A larger batch must find nothing in
    /// flight.
    pub in_flight_bytes_max: usize,
    /// Certificate authorities in PEM to trust besides those of the system. Read at every connect.
    pub ca_file: Option<PathBuf>,
}

impl RabbitConfig {
    /// The defaults, for the broker of this URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: SecretString::from(url.into()),
            connection_name: "waypost".to_owned(),
            heartbeat: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            publish_channels: 64,
            in_flight_max: 8192,
            in_flight_bytes_max: 64 << 20,
            ca_file: None,
        }
    }

    /// After so long without a sign of life a peer is dead: that of lapin's heartbeat, and of the kernel.
    pub(crate) fn silence_max(&self) -> Duration {
        self.heartbeat.max(Duration::from_secs(1)) * 2
    }

    /// The parser's own message is not passed on: it may quote the URL, and so the password.
    pub(crate) fn uri(&self) -> Result<AMQPUri, BusError> {
        let parsed = self.url.expose_secret().parse::<AMQPUri>();
        let mut uri =
            parsed.map_err(|_| BusError::Refused("the url is not a valid amqp:// or amqps:// url".to_owned()))?;
        let heartbeat = u16::try_from(self.heartbeat.as_secs().max(1)).unwrap_or(u16::MAX);
        uri.query.heartbeat = Some(heartbeat);
        Ok(uri)
    }

    /// Says what cannot be right, before anything is connected.
    pub fn check(&self) -> Result<(), BusError> {
        let positive = [
            ("publish_channels", self.publish_channels),
            ("in_flight_max", self.in_flight_max),
            ("in_flight_bytes_max", self.in_flight_bytes_max / 1024),
        ];
        match positive.into_iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(BusError::Refused(format!("{name} is too small"))),
            None => self.uri().map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_never_shown() {
        for url in ["amqp://user:hunter2@localhost/v", "hunter2:", "http://hunter2@x"] {
            let config = RabbitConfig::new(url);
            let error = config.check().err().map(|e| e.to_string()).unwrap_or_default();
            assert!(!format!("{config:?}{error}").contains("hunter2"), "{config:?} {error}");
        }
    }

    #[test]
    fn limits_of_zero_are_refused() {
        let config = RabbitConfig { in_flight_max: 0, ..RabbitConfig::new("amqp://localhost/v") };
        assert!(matches!(config.check(), Err(BusError::Refused(why)) if why.contains("in_flight_max")));
    }
}
