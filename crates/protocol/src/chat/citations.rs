//! Citations of Messages as `annotations`, where they cite a page of the web. Positions count characters of the content.

use crate::{
    Protocol,
    ir::{Part, PartKind},
    json::{List, Text, Writer, wire},
    wire,
};

wire! {
    /// A citation; only its address and title are of use here.
    struct CitationWire<'a> {
        url: Text<'a>,
        title: Text<'a>,
    }
}

/// Writes `annotations` for the citations of a whole answer.
pub(super) fn write_whole(w: &mut Writer, parts: &[Part]) {
    let (mut annotations, mut at) = (Annotations::default(), 0);
    for part in parts {
        let PartKind::Text(text) = &part.kind else { continue };
        let end = at + text.chars().count();
        let raw = part.extras.find("citations").filter(|_| part.extras.maker != Protocol::Chat);
        let list: Option<List<CitationWire<'_>>> = raw.and_then(|raw| wire::read(raw.as_str()).ok());
        for citation in list.iter().flat_map(|list| list.iter()) {
            annotations.add(citation, at);
        }
        annotations.close(end);
        at = end;
    }
    if !annotations.is_empty() {
        w.key("annotations");
        annotations.write(w);
    }
}

/// Most bytes of addresses and titles that are kept until the end of an answer.
const MOST: usize = 4 << 20;

/// Citations that were met, in order.
#[derive(Debug, Default)]
pub(super) struct Annotations {
    list: Vec<Annotation>,
    /// Bytes that the list keeps.
    held: usize,
}

#[derive(Debug)]
struct Annotation {
    url: String,
    title: String,
    start: usize,
    end: Option<usize>,
}

impl Annotations {
    /// Takes a citation, verbatim, of the text block that starts at character `start`. False when it cites no page, or
    /// when there are too many.
    pub(super) fn push(&mut self, raw: &str, start: usize) -> bool {
        let citation: Result<CitationWire<'_>, _> = wire::read(raw);
        citation.is_ok_and(|citation| self.add(&citation, start))
    }

    fn add(&mut self, citation: &CitationWire<'_>, start: usize) -> bool {
        let Some(url) = &citation.url else { return false };
        let title = citation.title.as_deref().unwrap_or_default().to_owned();
        self.held += size_of::<Annotation>() + url.len() + title.len();
        if self.held > MOST {
            return false;
        }
        self.list.push(Annotation { url: url.to_string(), title, start, end: None });
        true
    }

    /// The text block of the last citations ends at character `end`.
    pub(super) fn close(&mut self, end: usize) {
        for annotation in self.list.iter_mut().rev().take_while(|annotation| annotation.end.is_none()) {
            annotation.end = Some(end);
        }
    }

    /// Whether none was met.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Writes the list.
    pub(super) fn write(&self, w: &mut Writer) {
        w.begin_list();
        for Annotation { url, title, start, end } in &self.list {
            w.begin().key("type").text("url_citation").key("url_citation").begin();
            w.key("start_index").number(*start as u64).key("end_index").number(end.unwrap_or(*start) as u64);
            w.key("title").text(title).key("url").text(url).end().end();
        }
        w.end_list();
    }
}
