//! Which uploaded files a message shows.

use waypost_cloud_api::send::{Body, Header, HeaderMedia, Interactive, InteractiveHeader, Media, MediaSource, Message};

/// Each with what it is shown as; what is fetched from a link is none.
pub(crate) fn files(message: &Message) -> Vec<(&'static str, &str)> {
    match &message.body {
        Body::Media(media) => {
            let (Media::Image { source, .. }
            | Media::Video { source, .. }
            | Media::Document { source, .. }
            | Media::Audio { source, .. }
            | Media::Sticker { source }) = media;
            uploaded(media.kind(), source).into_iter().collect()
        }
        Body::Template(template) => {
            let cards = template.cards.as_ref().map(|cards| cards.as_slice()).unwrap_or_default();
            let headers = template.header.iter().chain(cards.iter().filter_map(|card| card.header.as_ref()));
            let media = headers.filter_map(|header| match header {
                Header::Media(media) => Some(media),
                Header::Text(_) | Header::Location(_) | Header::Product { .. } => None,
            });
            media.filter_map(of_header).collect()
        }
        Body::Interactive(interactive) => {
            let header = match interactive {
                Interactive::Buttons(buttons) => buttons.header.as_ref(),
                Interactive::CtaUrl(link) => link.header.as_ref(),
                Interactive::Flow(flow) => flow.header.as_ref(),
                Interactive::List(_)
                | Interactive::LocationRequest { .. }
                | Interactive::ContactRequest { .. }
                | Interactive::Product(_)
                | Interactive::ProductList(_)
                | Interactive::Catalog { .. } => None,
            };
            match header {
                Some(InteractiveHeader::Media(media)) => of_header(media).into_iter().collect(),
                Some(InteractiveHeader::Text(_)) | None => Vec::new(),
            }
        }
        Body::Text(_) | Body::Location(_) | Body::Contacts(_) | Body::Reaction(_) => Vec::new(),
    }
}

fn of_header(media: &HeaderMedia) -> Option<(&'static str, &str)> {
    match media {
        HeaderMedia::Image(source) => uploaded("image", source),
        HeaderMedia::Video(source) => uploaded("video", source),
        HeaderMedia::Document { source, .. } => uploaded("document", source),
    }
}

fn uploaded<'a>(kind: &'static str, source: &'a MediaSource) -> Option<(&'static str, &'a str)> {
    match source {
        MediaSource::Id(id) => Some((kind, id)),
        MediaSource::Link(_) => None,
    }
}
