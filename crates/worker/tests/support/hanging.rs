//! The embedded bus with a call that never comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use waypost_bus::{
    Bus, BusError, ConsumeEnded, Consumer, Delivery, Depth, Health, Message, Outcome, Publication, Topology,
};
use waypost_bus_embedded::EmbeddedBus;

use super::Rig;

/// The embedded bus, of which one call can be made never to return.
pub(crate) struct HangingBus {
    inner: Arc<EmbeddedBus>,
    call: Call,
    hangs: Arc<AtomicBool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Consume,
    Ack,
    Close,
    /// Not the call, but that it was carried out, is what nobody tells.
    ConfirmClose,
}

impl HangingBus {
    pub(crate) fn new(rig: &Rig, call: Call) -> Arc<Self> {
        Arc::new(Self { inner: rig.bus.clone(), call, hangs: Arc::default() })
    }

    pub(crate) fn hang(&self) {
        self.hangs.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl Bus for HangingBus {
    async fn publish(&self, batch: Vec<Publication>, timeout: Duration) -> Vec<Outcome> {
        self.inner.publish(batch, timeout).await
    }
    async fn consume(&self, queue: &str, prefetch: u16) -> Result<Box<dyn Consumer>, BusError> {
        if self.call == Call::Consume && self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let inner = self.inner.consume(queue, prefetch).await?;
        Ok(Box::new(HangingConsumer { inner, call: self.call, hangs: self.hangs.clone() }))
    }
    async fn declare(&self, topology: &Topology) -> Result<(), BusError> {
        self.inner.declare(topology).await
    }
    async fn verify(&self, topology: &Topology) -> Result<Vec<String>, BusError> {
        self.inner.verify(topology).await
    }
    async fn depth(&self, queue: &str) -> Result<Option<Depth>, BusError> {
        self.inner.depth(queue).await
    }
    async fn peek(&self, queue: &str, after: Option<u64>, limit: usize) -> Result<Vec<(u64, Message)>, BusError> {
        self.inner.peek(queue, after, limit).await
    }
    fn health(&self) -> Health {
        self.inner.health()
    }
    async fn close(&self, timeout: Duration) {
        self.inner.close(timeout).await;
    }
}

struct HangingConsumer {
    inner: Box<dyn Consumer>,
    call: Call,
    hangs: Arc<AtomicBool>,
}

impl HangingConsumer {
    fn hangs_at(&self, call: Call) -> bool {
        self.call == call && self.hangs.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Consumer for HangingConsumer {
    async fn next_batch(&mut self, max: usize) -> Result<Vec<Delivery>, ConsumeEnded> {
        self.inner.next_batch(max).await
    }
    async fn ack(&mut self, deliveries: Vec<Delivery>) -> Result<(), ConsumeEnded> {
        if self.hangs_at(Call::Ack) {
            std::future::pending::<()>().await;
        }
        self.inner.ack(deliveries).await
    }
    async fn close(self: Box<Self>) -> bool {
        if self.hangs_at(Call::Close) {
            std::future::pending::<()>().await;
        }
        let is_confirmed = !self.hangs_at(Call::ConfirmClose);
        self.inner.close().await && is_confirmed
    }
}
