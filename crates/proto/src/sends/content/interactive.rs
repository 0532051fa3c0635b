//! Messages with something to tap on.

use waypost_domain::send::FreeForm;
use waypost_domain::send::content::{
    Buttons, CtaUrl, Flow, Header, List, ProductSection, Products, ReplyButton, Row, Section,
};

use super::super::{Problems, plain, some};
use super::{read_source, wire_source};
use crate::sends_v1 as wire;
use wire::header::Kind;

/// `Some(None)`: there is none. `None`: there is one that cannot be.
#[expect(clippy::option_option, reason = "absent and unreadable are two things")]
fn read_header(problems: &mut Problems, at: &str, header: Option<wire::Header>) -> Option<Option<Header>> {
    let Some(header) = header else { return Some(None) };
    let source = |problems: &mut Problems, kind: &str, source| {
        super::read_source(problems, &format!("{at}.header.{kind}"), Some(source))
    };
    let header = match header.kind {
        Some(Kind::Text(text)) => Header::Text(text),
        Some(Kind::Image(image)) => Header::Image(source(problems, "image", image)?),
        Some(Kind::Video(video)) => Header::Video(source(problems, "video", video)?),
        Some(Kind::Document(document)) => {
            let source = read_source(problems, &format!("{at}.header.document.source"), document.source)?;
            Header::Document { source, filename: some(document.filename) }
        }
        None => {
            return problems.refuse(format!("{at}.header"), "must have exactly one of text, image, video and document");
        }
    };
    Some(Some(header))
}

fn wire_header(header: &Header) -> wire::Header {
    let kind = match header {
        Header::Text(text) => Kind::Text(text.clone()),
        Header::Image(source) => Kind::Image(wire_source(source)),
        Header::Video(source) => Kind::Video(wire_source(source)),
        Header::Document { source, filename } => {
            Kind::Document(wire::DocumentHeader { source: Some(wire_source(source)), filename: plain(filename) })
        }
    };
    wire::Header { kind: Some(kind) }
}

pub(super) fn read_buttons(problems: &mut Problems, at: &str, buttons: wire::Buttons) -> Option<FreeForm> {
    let header = read_header(problems, at, buttons.header)?;
    let button = |button: wire::ReplyButton| ReplyButton { id: button.id, title: button.title };
    Some(FreeForm::Buttons(Buttons {
        header,
        body: buttons.body,
        footer: some(buttons.footer),
        buttons: buttons.buttons.into_iter().map(button).collect(),
    }))
}

pub(super) fn wire_buttons(buttons: &Buttons) -> wire::Buttons {
    let button = |button: &ReplyButton| wire::ReplyButton { id: button.id.clone(), title: button.title.clone() };
    wire::Buttons {
        header: buttons.header.as_ref().map(wire_header),
        body: buttons.body.clone(),
        footer: plain(&buttons.footer),
        buttons: buttons.buttons.iter().map(button).collect(),
    }
}

pub(super) fn read_list(list: wire::ListMenu) -> FreeForm {
    let row = |row: wire::ListRow| Row { id: row.id, title: row.title, description: some(row.description) };
    let section = |section: wire::ListSection| Section {
        title: some(section.title),
        rows: section.rows.into_iter().map(row).collect(),
    };
    FreeForm::List(List {
        header: some(list.header),
        body: list.body,
        footer: some(list.footer),
        button: list.button,
        sections: list.sections.into_iter().map(section).collect(),
    })
}

pub(super) fn wire_list(list: &List) -> wire::ListMenu {
    let row = |row: &Row| wire::ListRow {
        id: row.id.clone(),
        title: row.title.clone(),
        description: plain(&row.description),
    };
    let section = |section: &Section| wire::ListSection {
        title: plain(&section.title),
        rows: section.rows.iter().map(row).collect(),
    };
    wire::ListMenu {
        header: plain(&list.header),
        body: list.body.clone(),
        footer: plain(&list.footer),
        button: list.button.clone(),
        sections: list.sections.iter().map(section).collect(),
    }
}

pub(super) fn read_link(problems: &mut Problems, at: &str, button: wire::LinkButton) -> Option<FreeForm> {
    let header = read_header(problems, at, button.header)?;
    let wire::LinkButton { body, footer, display_text, url, .. } = button;
    Some(FreeForm::CtaUrl(CtaUrl { header, body, footer: some(footer), display_text, url }))
}

pub(super) fn wire_link(button: &CtaUrl) -> wire::LinkButton {
    wire::LinkButton {
        header: button.header.as_ref().map(wire_header),
        body: button.body.clone(),
        footer: plain(&button.footer),
        display_text: button.display_text.clone(),
        url: button.url.clone(),
    }
}

pub(super) fn read_flow(problems: &mut Problems, at: &str, flow: wire::Flow) -> Option<FreeForm> {
    let header = read_header(problems, at, flow.header)?;
    let wire::Flow { body, footer, flow_id, button, token, screen, data, .. } = flow;
    let (footer, screen, data) = (some(footer), some(screen), some(data));
    Some(FreeForm::Flow(Flow { header, body, footer, flow_id, button, token, screen, data }))
}

pub(super) fn wire_flow(flow: &Flow) -> wire::Flow {
    wire::Flow {
        header: flow.header.as_ref().map(wire_header),
        body: flow.body.clone(),
        footer: plain(&flow.footer),
        flow_id: flow.flow_id.clone(),
        button: flow.button.clone(),
        token: flow.token.clone(),
        screen: plain(&flow.screen),
        data: plain(&flow.data),
    }
}

pub(super) fn read_products(products: wire::Products) -> FreeForm {
    let wire::Products { header, body, footer, catalog, sections } = products;
    let section =
        |section: wire::ProductSection| ProductSection { title: some(section.title), products: section.products };
    let sections = sections.into_iter().map(section).collect();
    FreeForm::Products(Products { header, body, footer: some(footer), catalog, sections })
}

pub(super) fn wire_products(products: &Products) -> wire::Products {
    let section = |section: &ProductSection| wire::ProductSection {
        title: plain(&section.title),
        products: section.products.clone(),
    };
    wire::Products {
        header: products.header.clone(),
        body: products.body.clone(),
        footer: plain(&products.footer),
        catalog: products.catalog.clone(),
        sections: products.sections.iter().map(section).collect(),
    }
}
