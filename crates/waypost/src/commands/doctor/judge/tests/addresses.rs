//! Where webhooks go, and of what.

use waypost_cloud_api::webhook::AccountNews;

use super::*;

#[test]
fn webhooks_come_to_us() {
    let app = |change: fn(&mut AppSubscription)| {
        move |meta: &mut MetaFacts| change(meta.app.as_mut().unwrap().as_mut().unwrap())
    };
    let elsewhere = app(|app| app.callback_url = text(ELSEWHERE));
    let words =
        "the app's webhooks go to https://elsewhere.example/hook?…, and not to ours, https://wa.example/webhook";
    check_meta(elsewhere, &[(Level::Bad, "app", "callback", words)]);
    check_meta(app(|app| app.callback_url = text("https://WA.example:443/webhook/")), &[]);
    check_meta(app(|app| app.is_active = false), &[(Level::Bad, "app", "callback", "switched")]);
    check_meta(
        |meta| {
            meta.app = Ok(None);
            meta.numbers[0].number.as_mut().unwrap().webhooks = WebhookAddresses::default();
        },
        &[(Level::Bad, "app", "callback", "no callback URL"), (Level::Bad, "app", "fields", "subscribed to nothing")],
    );
    // A number says it, too.
    check_meta(|meta| meta.app = Err(gone()), &[(Level::Warn, "app", "fields", "it is gone")]);
    check(
        |facts| facts.ours.url = None,
        &[(Level::Warn, "app", "callback", "whether that is this Waypost is not known")],
    );
}

#[test]
fn an_override_is_ours_or_takes_messages_away() {
    let account = |url: &'static str| {
        move |meta: &mut MetaFacts| {
            meta.accounts[0].apps.as_mut().unwrap()[0].override_callback_uri = text(url);
            meta.numbers[0].number.as_mut().unwrap().webhooks.of_account = text(url);
        }
    };
    check_meta(account(OURS), &[]);
    check_meta(
        account(ELSEWHERE),
        &[
            (Level::Bad, "accounts/9", "callback", "by an override of the account"),
            (Level::Bad, "numbers/main", "callback", "by an override of its account"),
        ],
    );
    let of_number = |number: &mut Number| number.webhooks.of_number = text(ELSEWHERE);
    check_number(of_number, Level::Bad, "callback", "by an override of the number, messages go to https://elsewhere");
}

#[test]
fn an_account_that_the_app_does_not_follow_is_bad() {
    let apps = |change: fn(&mut Vec<SubscribedApp>)| {
        move |meta: &mut MetaFacts| change(meta.accounts[0].apps.as_mut().unwrap())
    };
    let want = |words| [(Level::Bad, "accounts/9", "subscription", words)];
    check_meta(apps(Vec::clear), &want("our app does not get its webhooks"));
    check_meta(apps(|apps| apps[0].id = text("8")), &want("(1 other apps do)"));
    check_meta(
        |meta| meta.accounts[0].apps = Err(gone()),
        &[(Level::Warn, "accounts/9", "subscription", "it is gone")],
    );
}

#[test]
fn each_field_that_is_used_is_missed() {
    let without = |name: &'static str| {
        move |meta: &mut MetaFacts| meta.app.as_mut().unwrap().as_mut().unwrap().fields.retain(|field| field != name)
    };
    check_meta(without("messages"), &[(Level::Bad, "app", "fields", "neither messages nor statuses come")]);
    for (names, lost) in USED {
        check_meta(without(names[0]), &[(Level::Warn, "app", "fields", lost)]);
    }
    for (name, _) in OPTIONAL {
        check_meta(without(name), &[]);
    }
}

/// What is made something of here is in the list, and nothing else.
#[test]
fn the_fields_that_are_used_are_those_that_are_read() {
    let mut listed: Vec<&str> = USED.iter().flat_map(|(names, _)| names.iter().copied()).collect();
    let mut read = AccountNews::FIELDS.to_vec();
    listed.sort_unstable();
    read.sort_unstable();
    assert_eq!(listed, read);
}

/// Webhooks of 360dialog, and a token of Meta's: what is the app's is not looked at.
#[test]
fn webhooks_of_360dialog_are_nobodys_here() {
    check(
        |facts| {
            facts.ours = Ours { url: None, handshake: None, through_d360: true };
            let meta = facts.meta.as_mut().unwrap();
            (meta.app, meta.accounts[0].apps) = (Err(gone()), Err(gone()));
            meta.numbers[0].number.as_mut().unwrap().webhooks.of_number = text(ELSEWHERE);
        },
        &[],
    );
}
