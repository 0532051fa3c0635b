//! The bus suite on the embedded bus.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use waypost_bus::conformance::Subject;
use waypost_bus::{Bus, Health};
use waypost_bus_embedded::{EmbeddedBus, Options};

struct InFolder {
    folder: tempfile::TempDir,
    open: Mutex<Option<Arc<EmbeddedBus>>>,
}

impl InFolder {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), open: Mutex::new(None) }
    }

    fn current(&self) -> Option<Arc<EmbeddedBus>> {
        self.open.lock().unwrap().clone().filter(|bus| !matches!(bus.health(), Health::Down(_)))
    }
}

#[async_trait]
impl Subject for InFolder {
    async fn open(&self) -> Arc<dyn Bus> {
        if let Some(bus) = self.current() {
            return bus;
        }
        let bus = EmbeddedBus::open(self.folder.path(), Options::default()).unwrap();
        *self.open.lock().unwrap() = Some(Arc::clone(&bus));
        bus
    }

    async fn crash(&self, bus: Arc<dyn Bus>) {
        drop(bus);
        if let Some(bus) = self.current() {
            bus.abort().await;
        }
    }

    async fn restart_broker(&self) -> bool {
        if let Some(bus) = self.current() {
            bus.close(Duration::from_secs(10)).await;
        }
        true
    }

    async fn delete_queue(&self, queue: &str) {
        self.current().expect("the bus is open").delete_queue(queue).await.unwrap();
    }

    async fn limit_queue(&self, _queue: &str, _messages_max: u64) {}

    fn can_peek(&self) -> bool {
        true
    }

    fn quiet(&self) -> Duration {
        Duration::from_millis(60)
    }
}

waypost_bus::conformance_tests!(InFolder::new());
