//! What a version says of attributes, beside what contacts have: a value that none of them has is perhaps misspelt.

use waypost_grpc::{Result, blocking};
use waypost_proto::admin_v1 as v1;
use waypost_rules::Finding;
use waypost_rules::check::KnownValues;
use waypost_store::Store;

use super::wire;

/// Contacts that are looked at: so many of the newest, whom imports and messages have brought lately, and of the oldest.
const CONTACTS_MAX: u32 = 10_000;

/// As a check answers.
pub(super) async fn findings(store: &Store, text: String) -> Result<Vec<v1::Finding>> {
    Ok(wire::findings(&of(store, text).await?))
}

/// Nothing is read where no rule names a value of an attribute.
pub(super) async fn of(store: &Store, text: String) -> Result<Vec<Finding>> {
    let Some(mut known) = blocking(move || Ok(KnownValues::asked_by(text))).await? else { return Ok(vec![]) };
    let contacts = store.attributes_of_some(CONTACTS_MAX).await?;
    blocking(move || {
        contacts.iter().for_each(|contact| known.add(contact));
        Ok(known.findings())
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use waypost_domain::AliasSet;
    use waypost_store::{StoreOptions, StoreUrl};

    use super::*;

    const RULES: &str = "[default]\nteam='a'\n[handover]\nteam='a'\nbuttons=['h']\n[[teams]]\nname='a'\n\
        [[rules]]\nid='r'\nteam='a'\nwhen={ tier=['gold', 'Silver'] }\n";

    #[tokio::test]
    async fn contacts_are_asked() {
        let folder = tempfile::tempdir().unwrap();
        let url = StoreUrl::sqlite_file(folder.path().join("store.db"));
        let store = Store::open(&url, StoreOptions::default()).await.unwrap();
        store.migrate().await.unwrap();
        assert_eq!(of(&store, RULES.to_owned()).await.unwrap(), [], "nobody knows anybody");
        for (phone, tier) in [("1", "gold"), ("2", "silver")] {
            let aliases = AliasSet { phone: Some(format!("3460000010{phone}")), ..AliasSet::default() };
            let attributes = BTreeMap::from([("tier".to_owned(), tier.to_owned())]);
            store.upsert_contact(&aliases, &attributes, None).await.unwrap();
        }
        let told = findings(&store, RULES.to_owned()).await.unwrap();
        let problems: Vec<&str> = told.iter().map(|finding| finding.problem.as_str()).collect();
        assert_eq!(problems, ["tier \"Silver\": contacts have \"silver\", and upper and lower case differ"]);
        assert_eq!(told[0].line, 11);
    }
}
