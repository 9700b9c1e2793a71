//! Spans: what every line of the log within some work on a job tells of the job, whoever writes the line.

use tracing::{Span, field::Empty};

use crate::job::{Job, JobId, ProviderName};

/// Work on `job`. At the level of errors, so that no filter takes the fields from a line that it lets pass.
pub(super) fn of_job(job: &Job) -> Span {
    let span = tracing::error_span!(
        "job",
        job_id = %job.id,
        upload_job_id = %job.known_as(),
        key = job.upload.key,
        provider = Empty,
        preset = Empty,
        step = Empty,
        attempt = Empty
    );
    record(&span, job);
    span
}

/// Work for a job of which nothing else is known.
pub(super) fn of_callback(job_id: &JobId, provider: ProviderName) -> Span {
    tracing::error_span!("callback", %job_id, %provider)
}

/// The job at work has got further: what is told from now on is told of its step and attempt now.
pub(super) fn got_further(job: &Job) {
    record(&Span::current(), job);
}

fn record(span: &Span, job: &Job) {
    span.record("provider", job.provider().as_str());
    span.record("preset", job.step().map_or(job.route.preset.as_str(), |step| step.preset.as_str()));
    span.record("step", job.steps.len());
    span.record("attempt", job.step().map_or(0, |step| step.attempts));
}
