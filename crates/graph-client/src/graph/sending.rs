//! Messages and read receipts: POST `/{phone_number_id}/messages`.

use async_trait::async_trait;
use reqwest::Url;
use waypost_cloud_api::send::{FieldError, ReadReceipt};

use super::GraphApi;
use crate::api::{Call, id};
use crate::fault::{CallError, NotSent};
use crate::messenger::{Line, Messenger, Outgoing, Sent};
use crate::to_wire;

#[async_trait]
impl Messenger for GraphApi {
    async fn send(&self, from: &Line, message: &Outgoing<'_>) -> Sent {
        let call = self.messages(from).and_then(|url| Ok(Call::post(url, &to_wire::message(from, message)?)));
        match call {
            Ok(call) => self.api.send(&call).await,
            Err(error) => Sent::NotSent(NotSent::Request(error)),
        }
    }

    async fn mark_read(&self, from: &Line, wamid: &str, typing: bool) -> Result<(), CallError> {
        let receipt = ReadReceipt { message_id: wamid.to_owned(), typing };
        let url = self.messages(from).map_err(NotSent::Request)?;
        self.api.command(&Call::post(url, &receipt)).await
    }

    async fn credentials_version(&self) -> u64 {
        self.api.secret.version().await
    }
}

impl GraphApi {
    fn messages(&self, from: &Line) -> Result<Url, FieldError> {
        Ok(self.url(&[id("phone_number_id", &from.phone_number_id)?, "messages"]))
    }
}
