//! Texts that are a stop, texts that look like one, and ordinary ones.

use super::*;

fn list(phrases: &[&str]) -> Vec<String> {
    phrases.iter().map(|phrase| (*phrase).to_owned()).collect()
}

/// A few words of three languages.
fn words() -> StopWords {
    let any = [list(&["stop", "stop all", "unsubscribe", "opt out"]), vec![], vec![], list(&["start"])];
    let en = [vec![], list(&["stop promotions"]), list(&["cancel", "end"]), list(&["unstop"])];
    let fr = [list(&["désabonner", "arrêt"]), vec![], vec![], vec![]];
    let tr = [list(&["ret"]), vec![], list(&["İPTAL"]), vec![]];
    let he = [list(&["הסר"]), vec![], vec![], vec![]];
    let fillers = list(&["please", "por favor", "s'il vous plaît", "thanks", "now"]);
    let wishes = [Wish::Stop, Wish::StopPromotions, Wish::Everyday, Wish::Start];
    let all = [("any", any), ("en", en), ("fr", fr), ("tr", tr), ("he", he)];
    StopWords::new(all.iter().map(|(language, lists)| WordsOf {
        language,
        wishes: [0, 1, 2, 3].map(|at| (wishes[at], lists[at].as_slice())),
        fillers: &fillers,
    }))
}

#[test]
fn such_words_have_to_be_the_whole_message() {
    let words = words();
    for (text, want) in [
        ("STOP", Some(Wish::Stop)),
        ("Stop.", Some(Wish::Stop)),
        ("stop please 🙏", Some(Wish::Stop)),
        ("STOP STOP", Some(Wish::Stop)),
        ("stop!!! stop!!! STOP ALL", Some(Wish::Stop)),
        ("🛑 Stop 🛑", Some(Wish::Stop)),
        ("Por favor, stop", Some(Wish::Stop)),
        ("Désabonner!", Some(Wish::Stop)),
        ("desabonner svp", None),
        ("ARRÊT s'il vous plaît", Some(Wish::Stop)),
        ("arret", Some(Wish::Stop)),
        ("opt-out", Some(Wish::Stop)),
        ("Ｓｔｏｐ", Some(Wish::Stop)),
        ("הסר", Some(Wish::Stop)),
        ("ret", Some(Wish::Stop)),
        ("Stop promotions", Some(Wish::StopPromotions)),
        ("stop promotions. stop", Some(Wish::Stop)),
        ("cancel", Some(Wish::Everyday)),
        ("Cancel, stop", Some(Wish::Stop)),
        ("iptal", Some(Wish::Everyday)),
        ("ıptal", Some(Wish::Everyday)),
        ("İptal", Some(Wish::Everyday)),
        ("stop?", Some(Wish::Everyday)),
        ("START", Some(Wish::Start)),
        ("start please", Some(Wish::Start)),
        ("start?", None),
        ("stop start", None),
        ("stop, he is not coming", None),
        ("the bus stop", None),
        ("don't stop", None),
        ("stop by later?", None),
        ("can you cancel my order", None),
        ("please", None),
        ("", None),
        ("🛑", None),
        ("1", None),
    ] {
        assert_eq!(words.hear(text).map(|heard| heard.wish), want, "{text:?}");
    }
    let long = "stop ".repeat(CHARS_MAX / 5 + 1);
    assert_eq!(words.hear(&long), None, "whoever writes more says more");
}

#[test]
fn a_word_tells_its_language_unless_many_have_it() {
    let words = words();
    let language = |text: &str| words.hear(text).unwrap().language.map(str::to_owned);
    assert_eq!(language("stop"), None);
    assert_eq!(language("stop désabonner"), Some("fr".to_owned()));
    assert_eq!(language("Cancel!"), Some("en".to_owned()));
    assert_eq!(words.hear("CANCEL please").unwrap().words, "cancel");
}

/// Nobody who writes this wants to go on hearing, or a person should ask.
const STOPS: &[&str] = &[
    "please stop writing to me",
    "Stop sending me messages!",
    "stop texting me",
    "could you stop messaging me please",
    "I want you to stop contacting me",
    "stop all these ads",
    "Stop spamming me",
    "please no more messages",
    "No more ads.",
    "don't text me again",
    "Do not contact me anymore",
    "please don't message me",
    "don't send me any more offers",
    "I don't want to receive these messages",
    "I do not want your promotions",
    "take me off your list",
    "remove me from your list please",
    "please remove my number from your database",
    "delete my number",
    "how do I unsubscribe?",
    "I'd like to opt out of this",
    "leave me alone!!",
    "I withdraw my consent",
    "quit texting me",
    "please stop it",
    "stop this now",
    "deja de escribirme",
    "dejen de mandarme mensajes",
    "Por favor, dejen de molestar",
    "paren de enviar publicidad",
    "no me escriban más",
    "No me envíen más publicidad",
    "no quiero recibir más mensajes",
    "no quiero publicidad",
    "no más mensajes",
    "bórrenme de su lista",
    "quiero darme de baja",
    "basta de spam",
    "pare de me mandar mensagem",
    "parem de enviar propaganda",
    "não quero mais receber mensagens",
    "Não me mandem mais nada",
    "me tira dessa lista",
    "quero me descadastrar",
    "chega de propaganda",
    "Hört auf mir zu schreiben",
    "hören Sie bitte auf mit den Nachrichten",
    "Ich möchte keine Nachrichten mehr",
    "bitte keine Werbung mehr",
    "ich will keine weiteren Angebote",
    "schreiben Sie mir nicht mehr",
    "Löschen Sie meine Nummer",
    "lasst mich in Ruhe",
    "ich möchte mich abmelden",
    "nehmt mich aus dem Verteiler",
    "arrêtez de m'écrire",
    "Arrêtez vos pubs",
    "stop aux sms",
    "ne m'envoyez plus de messages",
    "je ne veux plus recevoir vos offres",
    "je ne souhaite plus être contacté",
    "je voudrais me désabonner",
    "désinscrivez-moi",
    "supprimez mon numéro",
    "laissez-moi tranquille",
];

/// Nobody who writes this said anything of the sort.
const ORDINARY: &[&str] = &[
    "stop, he is not coming",
    "the bus stop is closed",
    "I'm at the stop next to the station",
    "don't stop",
    "please don't stop sending me offers",
    "never stop texting me",
    "stop by later?",
    "can I stop by the shop at 5",
    "can you cancel my order",
    "cancel my appointment please",
    "the payment stopped working",
    "when does the sale end?",
    "the app stops when I open it",
    "stop sending the parcel to my old address",
    "did you stop sending messages? I got none",
    "I get no more messages from you, why?",
    "are there no more offers today?",
    "I got no messages",
    "please send me a message when it is ready",
    "don't call me before 9",
    "don't message me, call me",
    "do not write the invoice yet",
    "I don't want to receive the parcel on Monday",
    "I don't want this offer to expire",
    "remove the second item from my order",
    "delete my last order",
    "take the blue one off my order",
    "I never unsubscribed",
    "why did I not get the text",
    "what time is the last stop",
    "non-stop flight to Rome",
    "stop loss at 20",
    "quiero cancelar mi pedido",
    "¿a qué hora es la parada?",
    "no me llega el mensaje",
    "no quiero el azul, quiero el rojo",
    "nunca dejen de mandarme ofertas",
    "no me envíen el paquete el lunes",
    "quiero dar de baja mi línea de teléfono",
    "para el lunes por favor",
    "la app deja de funcionar",
    "baja el precio por favor",
    "onde fica a parada?",
    "quero cancelar o pedido",
    "não quero o azul",
    "não recebi a mensagem",
    "para quando fica pronto?",
    "meu aplicativo para de funcionar",
    "ich bekomme keine Nachrichten mehr",
    "ich habe keine Nachricht bekommen",
    "haben Sie keine Angebote für Schuhe",
    "wo ist die Haltestelle",
    "hört sich gut an",
    "bitte keine Nüsse",
    "können Sie meine Bestellung löschen",
    "ich kann mich nicht abmelden oder anmelden",
    "Ende der Woche passt",
    "je ne reçois plus de messages",
    "l'arrêt de bus est fermé",
    "je ne veux plus attendre",
    "annulez ma commande",
    "il n'y a plus de pain",
    "arrêtez la livraison de lundi",
    "je ne suis pas abonné",
    "STOP",
];

#[test]
fn free_wording_that_looks_like_a_stop_is_told_from_ordinary_talk() {
    let missed: Vec<_> = STOPS.iter().filter(|text| !looks_like_stop(text)).collect();
    let false_alarms: Vec<_> = ORDINARY.iter().filter(|text| looks_like_stop(text)).collect();
    assert!(missed.is_empty() && false_alarms.is_empty(), "missed: {missed:#?}, false alarms: {false_alarms:#?}");
    assert!(STOPS.len() + ORDINARY.len() >= 120);
}

#[test]
fn whoever_tells_a_story_is_not_suspected() {
    let long = format!("{} please stop writing to me", "and then ".repeat(20));
    assert!(!looks_like_stop(&long));
}
