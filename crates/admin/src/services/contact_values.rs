//! What a version says of attributes, beside what contacts have: a value that none of them has is perhaps misspelt, and
//! what some of them have needs no import any more.

use waypost_domain::LanguageSource;
use waypost_grpc::{Result, blocking};
use waypost_rules::Finding;
use waypost_rules::check::{KnownValues, check_values};
use waypost_store::Store;

/// Contacts that are looked at: so many of the newest, whom imports and messages have brought lately, and of the oldest.
const CONTACTS_MAX: u32 = 10_000;

/// `findings` of a text, with what contacts have. Nothing is read where no rule asks about it.
pub(super) async fn with_contacts(store: &Store, text: String, mut findings: Vec<Finding>) -> Result<Vec<Finding>> {
    let (text, mut known) = blocking(move || {
        let known = KnownValues::asked_by(&text);
        Ok((text, known))
    })
    .await?;
    if known.is_empty() {
        return Ok(findings);
    }
    let contacts = store.told_of_some(CONTACTS_MAX).await?;
    blocking(move || {
        for contact in &contacts {
            known.add(&contact.attributes, contact.language_source == Some(LanguageSource::Crm));
        }
        findings.retain(|finding| !finding.needs_import.as_ref().is_some_and(|needed| known.has(needed)));
        findings.extend(check_values(&text, &known));
        Ok(findings)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use waypost_domain::AliasSet;
    use waypost_rules::check::check_text;
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
        let told = async || with_contacts(&store, RULES.to_owned(), check_text(RULES)).await.unwrap();
        let needs_import = |findings: &[Finding]| findings.iter().any(|finding| finding.needs_import.is_some());
        let unknown = told().await;
        assert!(needs_import(&unknown), "nobody knows anybody: {unknown:?}");
        assert!(!unknown.iter().any(|finding| finding.problem.contains("Silver")), "{unknown:?}");
        for (phone, tier) in [("1", "gold"), ("2", "silver")] {
            let aliases = AliasSet { phone: Some(format!("3460000010{phone}")), ..AliasSet::default() };
            let attributes = BTreeMap::from([("tier".to_owned(), tier.to_owned())]);
            store.upsert_contact(&aliases, &attributes, None).await.unwrap();
        }
        let known = told().await;
        assert!(!needs_import(&known), "an import told of tiers: {known:?}");
        let problems: Vec<_> = known.iter().map(|finding| (finding.line, finding.problem.as_str())).collect();
        let silver = "tier \"Silver\": contacts have \"silver\", and upper and lower case differ";
        assert_eq!(problems, [(Some(11), silver)]);
    }
}
