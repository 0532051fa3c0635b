//! What a configuration may say, and what is said of mistakes in it.

use super::*;

fn problems(toml: &str, components: &[Component]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("waypost.toml");
    std::fs::write(&file, toml).unwrap();
    let checked = Config::load(Some(&file), &[]).and_then(|config| config.check(components));
    let shown = file.display().to_string();
    checked
        .err()
        .map(|error| error.0)
        .unwrap_or_default()
        .into_iter()
        .map(|mistake| mistake.to_string().replace(&shown, "FILE"))
        .collect()
}

const GOOD: &str = "[ingress]\napp_secrets='s'\nverify_token=123\n[rules]\nfile='r.toml'\n";

#[test]
fn mistakes_name_the_field() {
    let all = Component::ALL;
    assert_eq!(problems(GOOD, &all), Vec::<String>::new());
    assert_eq!(
        problems("partitions = 0\n", &all),
        [
            "partitions: must be 1 to 99",
            "ingress.app_secrets: at least one app secret (or ingress.app_secrets_file) is needed",
            "ingress.verify_token: the handshake's token (or ingress.verify_token_file) is needed",
        ]
    );
    let subset = problems(GOOD, &[Component::Router]);
    assert!(subset[0].starts_with("bus.url: the embedded bus"), "{subset:?}");
    let listens = |grpc: &str| problems(&format!("{GOOD}[grpc]\nlisten='{grpc}\n"), &all);
    assert_eq!(listens("127.0.0.1:9465'"), Vec::<String>::new());
    assert!(listens("0.0.0.0:9465'")[0].starts_with("grpc.listen: needs a certificate"));
    assert!(listens("127.0.0.1:9465'\ntls_key_file='k'")[0].starts_with("grpc.tls_key_file: "));
    assert_eq!(listens("127.0.0.1:9464'"), ["grpc.listen: is taken by another section"]);
    // The listener for the commands of this machine has them, too.
    let limits = ["request_bytes_max", "request_timeout_ms", "connections_max", "streams_max", "requests_max"];
    for limit in limits {
        let expected = [format!("grpc.{limit}: must be above 0")];
        assert_eq!(problems(&format!("{GOOD}[grpc]\n{limit} = 0\n"), &all), expected);
        assert_eq!(listens(&format!("127.0.0.1:9465'\n{limit} = 0")), expected);
    }
    let unknown = problems("[bus]\nulr='x'\n", &all);
    assert!(unknown[0].contains("ulr"), "{unknown:?}");
    let wrong = problems("[worker]\nbatch_max='many'\n", &all);
    assert!(wrong[0].starts_with("worker.batch_max: "), "{wrong:?}");
}

#[test]
fn numbers_at_twilio_are_checked_and_need_nothing_of_metas() {
    // An error: another test was faster.
    drop(rustls::crypto::ring::default_provider().install_default());
    let all = Component::ALL;
    let good = "[rules]\nfile='r.toml'\n[twilio]\naccount_sid='AC1'\nauth_token_file='t'\n\
                webhook_url='https://x.example/webhook/twilio#rc=5&rp=all'\n";
    let numbers = "[twilio.numbers]\ntw='+1 555 0199'\n";
    assert_eq!(problems(&format!("{good}{numbers}"), &all), Vec::<String>::new());
    let with_secret = problems(&format!("{good}{numbers}[ingress]\napp_secrets='s'\n"), &all);
    assert_eq!(with_secret.len(), 1, "Meta's door is open, and has no handshake: {with_secret:?}");
    assert!(with_secret[0].starts_with("ingress.verify_token: "), "{with_secret:?}");
    let check = |more: &str, want: &[&str]| {
        let found = problems(&format!("{good}{more}"), &all);
        let keys: Vec<&str> = found.iter().filter_map(|problem| problem.split(": ").next()).collect();
        assert_eq!(keys, want, "{more}: {found:?}");
    };
    check("[ingress]\napp_secrets='s'\nverify_token='v'\n", &["twilio.numbers"]);
    check(&format!("waba_id=102290129340398\n{numbers}"), &[]);
    check("[twilio.numbers]\ntw='x'\n", &["twilio.numbers.tw"]);
    check("[twilio.numbers]\na='15550199'\nb='+15550199'\n", &["twilio.numbers.b"]);
    check(&format!("webhook_path='/webhook'\n{numbers}"), &["twilio.webhook_path"]);
    check(&format!("webhook_path='/elsewhere'\n{numbers}"), &["twilio.webhook_path"]);
    // Whoever has the handshake's token has numbers at Meta, too.
    check(&format!("{numbers}[ingress]\nverify_token='v'\n"), &["ingress.app_secrets"]);
    check(&format!("base_url='http://x.example'\n{numbers}"), &["twilio.base_url"]);
    check(&format!("{numbers}[twilio.messaging_services]\ntw='SM1'\n"), &["twilio.messaging_services.tw"]);
    check(&format!("{numbers}[twilio.messaging_services]\nx='MG1'\n"), &["twilio.messaging_services.x"]);
    check(&format!("{numbers}[twilio.templates]\n'offer/en'='HX1'\n"), &[]);
    check(&format!("{numbers}[twilio.templates]\noffer='HX1'\n"), &["twilio.templates.offer"]);
    check(&format!("{numbers}[twilio.templates]\n'offer/en'='1'\n"), &["twilio.templates.offer/en"]);
    let without = |key: &str| {
        let kept: String = good.lines().filter(|line| !line.starts_with(key)).flat_map(|line| [line, "\n"]).collect();
        problems(&format!("{kept}{numbers}"), &all)
    };
    assert!(without("webhook_url")[0].starts_with("twilio.webhook_url: must be https://"));
    assert!(without("account_sid")[0].starts_with("twilio.account_sid: "));
    assert!(without("auth_token_file")[0].starts_with("twilio.auth_token_file: is needed"));
}

#[test]
fn numbers_at_bird_are_checked_and_need_nothing_of_metas() {
    // An error: another test was faster.
    drop(rustls::crypto::ring::default_provider().install_default());
    let good = "[rules]\nfile='r.toml'\n[bird]\nworkspace_id='w-1'\naccess_key_file='k'\nsigning_keys_file='s'\n\
                webhook_url='https://x.example/webhook/bird'\n";
    let channels = "[bird.channels]\nbd='c-1'\n";
    let check = |toml: String, want: &[&str]| {
        let found = problems(&toml, &Component::ALL);
        let keys: Vec<&str> = found.iter().filter_map(|problem| problem.split(": ").next()).collect();
        assert_eq!(keys, want, "{toml}: {found:?}");
    };
    check(format!("{good}{channels}"), &[]);
    let of_meta = "[ingress]\napp_secrets='s'\nverify_token='v'\n";
    check(format!("{good}{of_meta}"), &["bird.channels"]);
    check(format!("{good}[bird.channels]\nbd='x/y'\n"), &["bird.channels.bd"]);
    check(format!("{good}[bird.channels]\na='c-1'\nb='C-1'\n"), &["bird.channels.b"]);
    for path in ["/webhook", "/webhook/twilio", "/elsewhere", "bird"] {
        check(format!("{good}webhook_path='{path}'\n{channels}"), &["bird.webhook_path"]);
    }
    check(format!("{good}webhook_age_max_s=0\n{channels}"), &["bird.webhook_age_max_s"]);
    check(format!("{good}base_url='http://x.example'\n{channels}"), &["bird.base_url"]);
    check(format!("{good}{channels}[bird.templates]\n'offer/en'='p/latest/en-US'\n"), &[]);
    check(format!("{good}{channels}[bird.templates]\noffer='p/latest/en'\n"), &["bird.templates.offer"]);
    check(format!("{good}{channels}[bird.templates]\n'offer/en'='p'\n"), &["bird.templates.offer/en"]);
    let twilio = "[twilio]\naccount_sid='AC1'\nauth_token_file='t'\nwebhook_url='https://x.example/webhook/twilio'\n\
                  [twilio.numbers]\nbd='15550199'\n";
    check(format!("{good}{channels}{twilio}"), &["bird.channels.bd"]);
    let without = |key: &str| {
        let kept: String = good.lines().filter(|line| !line.starts_with(key)).flat_map(|line| [line, "\n"]).collect();
        format!("{kept}{channels}")
    };
    for key in ["workspace_id", "signing_keys_file", "webhook_url"] {
        check(without(key), &[&format!("bird.{key}")]);
    }
    check(without("access_key_file"), &[]);
    check(good.replace("/bird'", "/bird#rc=5'") + channels, &["bird.webhook_url"]);
}

#[test]
fn no_secret_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("waypost.toml");
    std::fs::write(
        &file,
        "[ingress]\napp_secrets=['hush','hush2']\nverify_token='hush'\n[bus]\nurl='amqp://u:hush@h'\n",
    )
    .unwrap();
    let config = Config::load(Some(&file), &[("store.url", "postgres://hush".to_owned())]).unwrap();
    assert_eq!(config.store.url.expose(), "postgres://hush");
    for shown in [toml::to_string(&config).unwrap(), format!("{config:?}")] {
        assert!(!shown.contains("hush"), "{shown}");
    }
}

#[test]
fn the_example_deployment_is_right() {
    let example = include_str!("../../../../../deploy/waypost.toml");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("waypost.toml"), example).unwrap();
    let config = Config::load(Some(&folder.path().join("waypost.toml")), &[]).unwrap();
    config.check(&Component::ALL).unwrap();
}

#[test]
fn a_mistake_is_named_by_file_line_and_key() {
    for (toml, expected) in [
        (
            "[bus]\nurl = 'embedded'\n\n[worker]\nbatch_max = 'many'\n",
            "worker.batch_max: invalid type: found string \"many\", expected u16 (FILE, line 5)",
        ),
        ("\n[bus]\nulr = 'x'\n", "(FILE, line 3)"),
        ("[worker]\nworker.x = 1\n", "(FILE, line 2)"),
        ("# nothing\n[bsu]\nurl = 'x'\n", "(FILE, line 2)"),
        ("[bus]\nurl = 'hush\n", "config file FILE: line 2: "),
    ] {
        let found = problems(toml, &Component::ALL);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(expected), "{expected} is not in {found:?}");
        assert!(!found[0].contains("hush"), "{found:?}");
    }
}

#[test]
fn the_former_name_of_ops_listen_still_works() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("waypost.toml");
    let load = |toml: &str, overrides: &[(&str, String)]| {
        std::fs::write(&file, toml).unwrap();
        Config::load(Some(&file), overrides)
    };
    let config = load("[admin]\nlisten='127.0.0.1:1'\n", &[]).unwrap();
    assert_eq!(config.ops.listen.port(), 1);
    assert!(config.warnings[0].contains("admin.listen") && config.warnings[0].contains("ops.listen"));
    let config = load("[ops]\nlisten='127.0.0.1:2'\n", &[]).unwrap();
    assert_eq!((config.ops.listen.port(), config.warnings.len()), (2, 0));
    for (toml, overrides) in [
        ("[ops]\nlisten='127.0.0.1:2'\n[admin]\nlisten='127.0.0.1:1'\n", &[][..]),
        ("[admin]\nlisten='127.0.0.1:1'\n", &[("ops.listen", "127.0.0.1:2".to_owned())][..]),
    ] {
        let both = load(toml, overrides).unwrap_err().to_string();
        assert!(both.contains("ops.listen") && both.contains("admin.listen"), "{both}");
    }
    let unknown = load("[admin]\nlistne='127.0.0.1:1'\n", &[]).unwrap_err().to_string();
    assert!(unknown.contains("listne"), "{unknown}");
    assert!(!toml::to_string(&Config::default()).unwrap().contains("[admin]"), "it is shown by its name");
}

/// A section that was begun is checked, and what it still needs is told.
#[test]
fn a_front_door_with_any_key_is_configured() {
    const SERVERS: &str = "[bus]\nurl='amqp://u@h/v'\n[store]\nurl='postgres://u@h/d'\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("waypost.toml");
    let configured = |more: &str| {
        std::fs::write(&file, format!("{SERVERS}{more}")).unwrap();
        Config::load(Some(&file), &[]).unwrap().configured()
    };
    assert_eq!(configured(""), [Component::Router, Component::Sender]);
    for key in ["path='/hook'", "listen='0.0.0.0:8080'", "app_secrets='s'", "verify_token='t'", "tls_key_file='k'"] {
        assert_eq!(
            configured(&format!("[ingress]\n{key}\n")),
            [Component::Ingress, Component::Router, Component::Sender],
            "{key}"
        );
    }
}
