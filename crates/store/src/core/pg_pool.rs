//! Connections that are used again. Small, and our own for one rule: a connection of which anything is unknown is closed
//! and never given to anybody else.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::pg_connection::{Frame, Link, Making, State};
use super::{Answer, Statement};
use crate::Result;
use crate::error::unavailable;

/// A connection that rested longer may have died meanwhile, and is asked first. To ask each time would be a round trip
/// per batch.
const RESTED: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(super) struct Pool {
    free: Arc<Semaphore>,
    count: u32,
    idle: Arc<Mutex<Vec<Link>>>,
    making: Making,
    acquire_timeout: Duration,
}

/// A connection in use.
pub(super) struct Pooled {
    link: Option<Link>,
    idle: Arc<Mutex<Vec<Link>>>,
    /// Given back behind the connection.
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(count: u32, making: Making, acquire_timeout: Duration) -> Self {
        let count = count.max(1);
        let free = Arc::new(Semaphore::new(usize::try_from(count).unwrap_or(1)));
        Self { free, count, idle: Arc::default(), making, acquire_timeout }
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.free.is_closed() && self.free.available_permits() < usize::try_from(self.count).unwrap_or(1)
    }

    pub(super) async fn take(&self) -> Result<Pooled> {
        match tokio::time::timeout(self.acquire_timeout, self.take_one()).await {
            Ok(taken) => taken,
            Err(_) => Err(unavailable("no connection became free, or could be made, in time")),
        }
    }

    async fn take_one(&self) -> Result<Pooled> {
        let permit = self.free.clone().acquire_owned().await.map_err(|_| unavailable("the store is closed"))?;
        // On a path that fails or is dropped, the pool is as before: connections die with their guard.
        let mut pooled = Pooled { link: None, idle: self.idle.clone(), _permit: permit };
        while let Some(mut link) = self.pop() {
            if link.is_closed() {
                continue;
            }
            if link.idle_since.elapsed() > RESTED && link.script("").await.is_err() {
                link.sever();
                continue;
            }
            pooled.link = Some(link);
            return Ok(pooled);
        }
        pooled.link = Some(self.making.connect().await?);
        Ok(pooled)
    }

    pub(super) async fn close(&self) {
        let Ok(all) = self.free.acquire_many(self.count).await else { return };
        let links = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for link in links {
            link.close().await;
        }
        self.free.close();
        drop(all);
    }

    fn pop(&self) -> Option<Link> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

impl Pooled {
    /// One that no pool has: it is closed when this is dropped.
    pub(super) fn alone(link: Link) -> Result<Self> {
        let free = Arc::new(Semaphore::new(1));
        let permit = free.try_acquire_owned().map_err(|_| unavailable("the connection is gone"))?;
        Ok(Self { link: Some(link), idle: Arc::default(), _permit: permit })
    }

    pub(super) async fn script(&mut self, text: &str) -> Result<()> {
        match &mut self.link {
            Some(link) => link.script(text).await,
            None => Err(unavailable("the connection is gone")),
        }
    }

    pub(super) async fn fly(&mut self, statements: Vec<Statement<'_>>, frame: Frame) -> Result<Vec<Answer>> {
        match &mut self.link {
            Some(link) => link.fly(statements, frame).await,
            None => Err(unavailable("the connection is gone")),
        }
    }

    pub(super) fn link(&mut self) -> Option<&mut Link> {
        self.link.as_mut()
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let Some(mut link) = self.link.take() else { return };
        match link.state {
            State::Unknown => return link.sever(),
            State::InTransaction => link.roll_back(),
            State::Idle => {}
        }
        link.idle_since = Instant::now();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(link);
    }
}
