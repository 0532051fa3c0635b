//! One template at a time: what a webhook says of it, or the refusal of a send.

use waypost_domain::template::{TemplateStatus, is_same_language};
use waypost_domain::{Template, Timestamp, WabaId};

use super::{KEEP, TEMPLATE, TemplateRow, language_key, read};
use crate::changes::RecordTx;
use crate::core::{Param, Sql, Statement, Tx, params};
use crate::news::{HEAR, hearing};
use crate::records::key;
use crate::sends::BarScope;
use crate::{News, Result, Store, ToldAt};

/// Of what a template's status is told: [`News::topic`].
pub const TEMPLATE_STATUS: &str = "status";

static LIKE: std::sync::LazyLock<Sql> = std::sync::LazyLock::new(|| {
    let rest = "WHERE waba_id = $1 AND (name = $2 OR meta_id = $3 AND meta_id <> '') ORDER BY name, key";
    let select = |lock: &str| format!("SELECT {} FROM template {rest}{lock}", TEMPLATE.list(""));
    Sql::made_each(select(""), select(" FOR UPDATE"))
});

impl TemplateRow {
    /// By which news and bars know it.
    pub fn news_name(&self) -> String {
        format!("{}/{}/{}", self.waba, self.template.name, language_key(&self.template.language))
    }

    /// A list does not say when a pause ends; a webhook may have.
    pub fn keep_pause(&mut self, known: Option<&Template>) {
        let is_paused = |template: &Template| template.status == TemplateStatus::Paused;
        if is_paused(&self.template) {
            self.template.paused_until = known.filter(|known| is_paused(known)).and_then(|known| known.paused_until);
        }
    }
}

/// Of this name, or with this id.
async fn like(tx: &mut Tx, waba: &WabaId, name: &str, id: &str) -> Result<Vec<TemplateRow>> {
    let rows = tx.query(&LIKE, params![key(waba.as_str()), key(name), key(id)]).await?;
    rows.iter().map(|row| read(&row.of(TEMPLATE.name))).collect()
}

/// In the place of what is locked; later than it, so that the revision is another one.
async fn put(tx: &mut Tx, row: TemplateRow, now: Timestamp) -> Result<()> {
    let row = TemplateRow { updated_at: now.max(row.updated_at.plus_millis(1)), ..row };
    let params: Vec<Param<'_>> = super::params(&row)?;
    tx.run(vec![Statement::rows(&KEEP, vec![params])]).await.map(drop)
}

impl RecordTx {
    /// The languages of this name, and what has this id; locked until the transaction ends.
    pub async fn templates_like(&mut self, waba: &WabaId, name: &str, id: &str) -> Result<Vec<TemplateRow>> {
        like(&mut self.fenced.tx, waba, name, id).await
    }

    /// Keeps one that [`templates_like`](Self::templates_like) has locked, changed.
    pub async fn put_template(&mut self, row: TemplateRow, now: Timestamp) -> Result<()> {
        put(&mut self.fenced.tx, row, now).await
    }
}

impl Store {
    /// Meta refused a send because of the status that the template has. What it told before `now` is older; what it told after stays.
    pub async fn hold_template(
        &self,
        waba: &WabaId,
        name: &str,
        language: &str,
        status: TemplateStatus,
        now: Timestamp,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        let known = like(&mut tx, waba, name, "").await?;
        let is_it = |row: &TemplateRow| is_same_language(&row.template.language, language);
        let Some(mut row) = known.into_iter().find(is_it) else { return Ok(()) };
        let (news_name, word) = (row.news_name(), status.as_str().to_owned());
        let at = ToldAt { told_at: now, received_at: now };
        let news = News { scope: BarScope::Template, name: &news_name, topic: TEMPLATE_STATUS, word: &word, at };
        if tx.execute(&HEAR, hearing(&news)).await? == 0 {
            return Ok(());
        }
        row.template.status = status;
        put(&mut tx, row, now).await?;
        tx.commit().await
    }
}
