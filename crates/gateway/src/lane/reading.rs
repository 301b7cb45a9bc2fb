//! What passing events tell about an answer.

use rm_protocol::{
    codec::StreamEncoder,
    ir::{Event, EventSink, StopReason, Usage},
};

/// What is known of an answer so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// Token counts, as far as told.
    pub(crate) usage: Usage,
    /// Whether any were told.
    pub(crate) usage_known: bool,
    /// Why it ended, when told.
    pub(crate) stop: Option<StopReason>,
    /// Whether something that the client must see has come: the moment of commit.
    pub(crate) content: bool,
    /// Whether the terminal came.
    pub(crate) ended: bool,
}

impl Reading {
    /// Takes token counts over.
    pub(crate) fn count(&mut self, usage: &Usage) {
        self.usage.merge(usage);
        self.usage_known = true;
    }
}

/// Notes each event and hands it on to the encoder, when there is one.
pub(crate) struct Reader<'a> {
    pub(crate) reading: &'a mut Reading,
    pub(crate) to: Option<&'a mut (dyn StreamEncoder + 'static)>,
}

impl EventSink for Reader<'_> {
    fn event(&mut self, event: &Event<'_>) {
        self.reading.content |= event.is_content();
        match event {
            Event::Usage(usage) => self.reading.count(usage),
            Event::Stop(reason) => self.reading.stop = Some(reason.clone()),
            Event::End => self.reading.ended = true,
            _ => {}
        }
        if let Some(to) = &mut self.to {
            to.event(event);
        }
    }
}
