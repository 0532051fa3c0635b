//! Looks into a database, and damages it, as a person with its password could: past the store.

use std::path::Path;

use waypost_store::StoreUrl;

use crate::deployment::Deployment;

/// Where a deployment's store is, for whoever reads it beside the process.
pub(crate) fn store_url(deployment: &Deployment) -> anyhow::Result<StoreUrl> {
    #[cfg(feature = "servers")]
    if let Some(servers) = deployment.servers() {
        return Ok(StoreUrl::parse(&servers.postgres_url)?);
    }
    Ok(StoreUrl::sqlite_file(deployment.data_folder().join("store.db")))
}

/// One statement or several, in the embedded store's file.
pub(crate) fn in_file(file: &Path, statements: &str) -> anyhow::Result<()> {
    let connection = rusqlite::Connection::open(file)?;
    // A router may be writing.
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    Ok(connection.execute_batch(statements)?)
}

/// A session of the server's; it ends when the client is dropped.
#[cfg(feature = "servers")]
pub(crate) async fn session(url: &str) -> anyhow::Result<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    // What ends it is told to whoever uses the client.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}
