//! What is sent, by flags: a text, a file behind a link, or a template with its values. Everything else goes as JSON.

use clap::Args;
use waypost_proto::sends_v1 as sends;

use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct ContentArgs {
    /// A text; goes inside the customer service window only
    text: Option<String>,
    /// A template, by Meta's name of it
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// The template's language, e.g. es or pt_BR; the contact's where left out
    #[arg(long, value_name = "TAG", requires = "template")]
    language: Option<String>,
    /// A picture, by its address, or by the id of `waypost media upload`
    #[arg(long, value_name = "URL or ID")]
    image: Option<String>,
    /// A document, by its address, or by the id of `waypost media upload`
    #[arg(long, value_name = "URL or ID")]
    document: Option<String>,
    /// Under the picture or the document
    #[arg(long, value_name = "TEXT", default_value = "")]
    caption: String,
    #[command(flatten)]
    values: ValueArgs,
}

/// The values of a template's variables.
#[derive(Debug, Args)]
pub(crate) struct ValueArgs {
    /// A value of its text, by order; once for each
    #[arg(long = "value", value_name = "TEXT")]
    values: Vec<String>,
    /// A value of its text, by name; once for each
    #[arg(long = "named", value_name = "NAME=TEXT", value_parser = pair)]
    named: Vec<(String, String)>,
    /// The value of its header's text
    #[arg(long, value_name = "TEXT")]
    header_text: Option<String>,
    /// The picture of its header, by its address
    #[arg(long, value_name = "URL")]
    header_image: Option<String>,
    /// The document of its header, by its address
    #[arg(long, value_name = "URL")]
    header_document: Option<String>,
    /// A button's value, by its place from 0 and what it is: 0:payload=yes, 1:url_suffix=17, 0:one_time_code=…,
    /// 0:coupon_code=…, 0:flow_token=…
    #[arg(long = "button", value_name = "PLACE:KIND=VALUE", value_parser = button)]
    buttons: Vec<sends::ButtonParameter>,
}

impl ContentArgs {
    pub(super) fn content(self) -> Result<sends::Content, Failure> {
        use sends::content::Kind;
        let media =
            |at: String, caption: String| sends::Media { source: Some(source(at)), caption, ..sends::Media::default() };
        let kind = match self {
            Self { text: Some(body), .. } => Kind::Text(sends::Text { body, preview_url: false }),
            Self { template: Some(name), language, values, .. } => {
                let language = language.unwrap_or_default();
                let values = Some(values.into_wire());
                Kind::Template(sends::Template { name, language, language_fallback: None, values })
            }
            Self { image: Some(at), caption, .. } => Kind::Image(media(at, caption)),
            Self { document: Some(at), caption, .. } => Kind::Document(media(at, caption)),
            // clap has seen to it that there is one.
            _ => return Err(Failure::config("nothing to send: give a text, --template or --request")),
        };
        Ok(sends::Content { kind: Some(kind) })
    }
}

impl ValueArgs {
    pub(crate) fn into_wire(self) -> sends::TemplateValues {
        use sends::header_value::Kind;
        use sends::parameter::Value;
        let parameter = |name: String, text: String| sends::Parameter { name, value: Some(Value::Text(text)) };
        let media = |link: String| sends::TemplateMedia {
            at: Some(sends::template_media::At::Link(link)),
            filename: String::new(),
        };
        let text = self.header_text.map(|text| Kind::Text(parameter(String::new(), text)));
        let image = self.header_image.map(|link| Kind::Image(media(link)));
        let document = self.header_document.map(|link| Kind::Document(media(link)));
        let header = text.or(image).or(document).map(|kind| sends::HeaderValue { kind: Some(kind) });
        let by_order = self.values.into_iter().map(|text| parameter(String::new(), text));
        let by_name = self.named.into_iter().map(|(name, text)| parameter(name, text));
        sends::TemplateValues {
            header,
            body: by_order.chain(by_name).collect(),
            buttons: self.buttons,
            ..sends::TemplateValues::default()
        }
    }
}

/// Meta's ids are digits, and addresses are not.
fn source(text: String) -> sends::MediaSource {
    use sends::media_source::At;
    let is_id = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    sends::MediaSource { at: Some(if is_id { At::Id(text) } else { At::Link(text) }) }
}

/// `NAME=TEXT`.
pub(crate) fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("expected a name, = and a text")?;
    Ok((name.to_owned(), value.to_owned()))
}

const EXPECTED: &str = "expected a place, :, a kind, = and a value, e.g. 0:url_suffix=17";

fn button(text: &str) -> Result<sends::ButtonParameter, &'static str> {
    let (place, rest) = text.split_once(':').ok_or(EXPECTED)?;
    let (kind, value) = rest.split_once('=').ok_or(EXPECTED)?;
    button_of(place, kind, value.to_owned())
}

/// The value of the button at that place.
pub(crate) fn button_of(place: &str, kind: &str, value: String) -> Result<sends::ButtonParameter, &'static str> {
    use sends::button_parameter::Value;
    let value = match kind {
        "payload" => Value::Payload(value),
        "url_suffix" => Value::UrlSuffix(value),
        "one_time_code" => Value::OneTimeCode(value),
        "coupon_code" => Value::CouponCode(value),
        "flow_token" => Value::FlowToken(value),
        _ => return Err("a button takes payload, url_suffix, one_time_code, coupon_code or flow_token"),
    };
    Ok(sends::ButtonParameter { index: place.parse().map_err(|_| EXPECTED)?, value: Some(value) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_at_an_address_or_has_an_id() {
        use sends::media_source::At;
        assert_eq!(source("1013859600285441".to_owned()).at, Some(At::Id("1013859600285441".to_owned())));
        let link = "https://example.com/1.png";
        assert_eq!(source(link.to_owned()).at, Some(At::Link(link.to_owned())));
    }

    #[test]
    fn buttons_and_names_are_read_strictly() {
        let read = button("1:url_suffix=a=b").expect("a button");
        assert_eq!(read.index, 1);
        assert_eq!(read.value, Some(sends::button_parameter::Value::UrlSuffix("a=b".to_owned())));
        for bad in ["", "1", "x:payload=1", "1:payload", "1:color=red", "-1:payload=1"] {
            assert!(button(bad).is_err(), "{bad}");
        }
        assert_eq!(pair("name=a=b"), Ok(("name".to_owned(), "a=b".to_owned())));
        assert!(pair("name").is_err());
    }
}
