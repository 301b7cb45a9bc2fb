//! Choosing the lane of one attempt and making the body for it.

use crate::{pipeline::call::Call, snapshot::Account, transport::Segments};
use rm_protocol::{
    ErrorView, Str, StreamStart, Target,
    ir::{Losses, Names},
};
use rm_routing::Candidate;

/// How the body of one attempt crosses.
pub(crate) enum Lane {
    /// Untouched but for patches; rarely re-encoded in its own protocol, to take out what this upstream must not see.
    Bytes {
        /// The answer will hold a usage chunk that the client did not ask for.
        hide_usage: bool,
        /// What was taken out.
        losses: Losses,
    },
    /// Re-encoded.
    Translated {
        /// What the target cannot express.
        losses: Losses,
        /// Tool names to translate back.
        names: Names,
    },
}

/// A body ready to be sent.
pub(crate) struct Prepared {
    pub(crate) body: Segments,
    pub(crate) lane: Lane,
}

/// Makes the body for `candidate`.
///
/// # Errors
/// The body is malformed (translated lane), or the target cannot express it.
pub(crate) fn prepare(call: &Call, candidate: &Candidate, account: &Account) -> Result<Prepared, ErrorView> {
    let dialect = account.endpoint.dialect();
    let owner = owner(account, candidate);
    let target = Target { model: &candidate.upstream_model, owner: &owner, dialect };
    let codec = candidate.protocol.codec();
    if candidate.protocol == call.protocol {
        if call.sealed || (call.billing && !dialect.anthropic) {
            let encoded = codec.encode(call.ir()?.as_ref(), &target)?;
            let lane = Lane::Bytes { hide_usage: false, losses: encoded.losses };
            return Ok(Prepared { body: Segments::new([encoded.body]), lane });
        }
        let body = call.bytes();
        let pieces = codec.patches(&call.head, &target).apply(&body);
        let hide_usage = call.head.usage_edit.is_some() && dialect.stream_usage;
        return Ok(Prepared {
            body: Segments::new(pieces),
            lane: Lane::Bytes { hide_usage, losses: Losses::default() },
        });
    }
    let request = call.ir()?;
    if let Some(refused) = rm_protocol::messages::needs_native(request) {
        return Err(refused.into());
    }
    let encoded = codec.encode(request, &target)?;
    let lane = Lane::Translated { losses: encoded.losses, names: encoded.names };
    Ok(Prepared { body: Segments::new([encoded.body]), lane })
}

/// What a translated answer must start with.
pub(crate) fn start(call: &Call, candidate: &Candidate, account: &Account, names: Names, served: &str) -> StreamStart {
    StreamStart {
        model: Str::from(served),
        id: Str::from(&*call.id.text),
        created: u64::try_from(call.started_ms / 1000).unwrap_or(0),
        include_usage: call.head.include_usage,
        // Four bytes of JSON to a token: near enough until the upstream tells.
        input_estimate: call.body.len() as u64 / 4,
        owner: Str::from(owner(account, candidate)),
        names,
    }
}

/// Who seals reasoning there: the provider and the model's family, which outlives dates and minor versions.
fn owner(account: &Account, candidate: &Candidate) -> String {
    let model = candidate.upstream_model.rsplit('/').next().unwrap_or_default();
    let family = model.split(['-', '.', ':', '@']).next().unwrap_or_default();
    format!("{}:{family}", account.provider)
}
