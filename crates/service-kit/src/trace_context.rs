//! W3C trace context as text: in gRPC metadata, commit trailers, annotations and database rows.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The `traceparent` of a span (W3C Trace Context, version 00), or `None` when the span is not part of a trace.
#[must_use]
pub fn traceparent_of(span: &tracing::Span) -> Option<String> {
    let context = span.context();
    let span = context.span();
    let span = span.span_context();
    span.is_valid()
        .then(|| format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8()))
}

/// The `traceparent` of the current span.
#[must_use]
pub fn current_traceparent() -> Option<String> {
    traceparent_of(&tracing::Span::current())
}

/// Makes the span a child of the remote span that `traceparent` names. A text that is no traceparent changes nothing: a
/// trace is never a reason to fail.
pub fn continue_from(span: &tracing::Span, traceparent: &str) {
    if let Some(remote) = parse(traceparent) {
        // The error says that the span has started already; then it keeps the parent it has.
        let _ = span.set_parent(Context::new().with_remote_span_context(remote));
    }
}

/// Links the span to another cause (a commit that batches several selections has one parent and several links).
pub fn link(span: &tracing::Span, traceparent: &str) {
    if let Some(remote) = parse(traceparent) {
        span.add_link(remote);
    }
}

/// Parses a `traceparent` of version 00; `None` when it is malformed or all zeros.
#[must_use]
pub fn parse(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.trim().split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if version != "00" || trace.len() != 32 || span.len() != 16 || flags.len() != 2 || parts.next().is_some()
    {
        return None;
    }
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn only_well_formed_traceparents_parse() {
        let check = |text: &str, valid: bool| assert_eq!(parse(text).is_some(), valid, "{text}");
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true);
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", true);
        check("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false);
        check("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false);
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x", false);
        check("00-4bf92f35-00f067aa0ba902b7-01", false);
        check("", false);
    }
}
