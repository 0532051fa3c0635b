//! A bus for tests that tells of its queues; nobody may ask anything else of it.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use waypost_bus::{Bus, BusError, Consumer, Depth, Health, Message, Outcome, Publication, Topology};

type Tell<'a> = dyn Fn(String) -> BoxFuture<'a, Option<Depth>> + Send + Sync + 'a;

pub(crate) struct TellingBus<'a>(Box<Tell<'a>>);

impl<'a> TellingBus<'a> {
    /// `tell`: what it tells of the queue of that name, once it does.
    pub(crate) fn new<A>(tell: impl Fn(String) -> A + Send + Sync + 'a) -> Self
    where
        A: Future<Output = Option<Depth>> + Send + 'a,
    {
        Self(Box::new(move |queue| tell(queue).boxed()))
    }
}

#[async_trait]
impl Bus for TellingBus<'_> {
    async fn depth(&self, queue: &str) -> Result<Option<Depth>, BusError> {
        Ok((self.0)(queue.to_owned()).await)
    }
    async fn publish(&self, _: Vec<Publication>, _: Duration) -> Vec<Outcome> {
        panic!("nobody publishes")
    }
    async fn consume(&self, _: &str, _: u16) -> Result<Box<dyn Consumer>, BusError> {
        panic!("nobody consumes")
    }
    async fn declare(&self, _: &Topology) -> Result<(), BusError> {
        panic!("nobody declares")
    }
    async fn verify(&self, _: &Topology) -> Result<Vec<String>, BusError> {
        panic!("nobody verifies")
    }
    async fn peek(&self, _: &str, _: Option<u64>, _: usize) -> Result<Vec<(u64, Message)>, BusError> {
        panic!("nobody looks")
    }
    fn health(&self) -> Health {
        Health::Up
    }
    async fn close(&self, _: Duration) {}
}
