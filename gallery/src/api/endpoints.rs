//! What answers. Each function's comment is its description in `/api/openapi.json`.

use axum::{
    Json,
    extract::{Path, Query, State},
};
use darkroom_shared::{
    flow,
    job::{Document, JobId, ProviderName, told_options},
};
use futures_util::future::try_join_all;

use super::shapes::{
    Failed, Jobs, Limited, NewUpload, Preset, PresetStep, Presets, Providers, Released, RetriedJob, RetriedJobs,
    RetryMany, UploadPlace,
};
use crate::{Gallery, actions, listing::Asked, problem::Problem, providers as all_providers, uploads};

/// Jobs in an answer, at the most.
const MOST_JOBS: usize = 50;

/// Jobs, the newest first.
#[utoipa::path(
    get,
    path = "/api/jobs",
    params(Asked, Limited),
    responses(
        (status = 200, body = Jobs, description = "A page of jobs"),
        (status = 400, body = Failed, description = "The filter cannot be understood"),
        (status = 401, body = Failed, description = "The token is missing or wrong"),
    )
)]
pub(super) async fn jobs(
    State(gallery): State<Gallery>,
    Query(asked): Query<Asked>,
    Query(limited): Query<Limited>,
) -> Result<Json<Jobs>, Problem> {
    let app = gallery.app();
    let listing = asked.read()?;
    if let Some(id) = listing.id
        && app.jobs.get(&id).await?.is_some()
    {
        let document = Document::from(&actions::tree(&gallery, &id).await?);
        return Ok(Json(Jobs { jobs: vec![document], older: None }));
    }
    let most = limited.limit.unwrap_or(MOST_JOBS).clamp(1, MOST_JOBS);
    let page = app.jobs.page(&listing.filter, listing.before.as_ref(), most).await?;
    let documents = try_join_all(
        page.jobs.into_iter().map(|job| async { Ok::<_, Problem>(Document::from(&flow::tree(&app.jobs, job).await?)) }),
    );
    let older = page.older.map(|older| older.as_str().to_owned());
    Ok(Json(Jobs { jobs: documents.await?, older }))
}

/// One job, in the shape of its job.json.
#[utoipa::path(
    get,
    path = "/api/jobs/{id}",
    params(("id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, body = Document, description = "The job as it is now"),
        (status = 404, body = Failed, description = "There is no such job"),
    )
)]
pub(super) async fn job(State(gallery): State<Gallery>, Path(id): Path<String>) -> Result<Json<Document>, Problem> {
    let id: JobId = id.parse().map_err(|_| Problem::NoSuchJob)?;
    Ok(Json(Document::from(&actions::tree(&gallery, &id).await?)))
}

/// Give a failed job another try. What its earlier steps made is not made, and not paid, again.
#[utoipa::path(
    post,
    path = "/api/jobs/{id}/retry",
    params(("id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, body = RetriedJob, description = "What became of it"),
        (status = 404, body = Failed, description = "There is no such job"),
    )
)]
pub(super) async fn retry(State(gallery): State<Gallery>, Path(id): Path<String>) -> Result<Json<RetriedJob>, Problem> {
    let job_id: JobId = id.parse().map_err(|_| Problem::NoSuchJob)?;
    match actions::retry(&gallery, &job_id).await? {
        actions::Retried::NoSuchJob => Err(Problem::NoSuchJob),
        outcome => Ok(Json(RetriedJob { id, outcome })),
    }
}

/// Give failed jobs another try, up to 100 at once.
#[utoipa::path(
    post,
    path = "/api/retry",
    request_body = RetryMany,
    responses(
        (status = 200, body = RetriedJobs, description = "What became of each"),
        (status = 400, body = Failed, description = "Too many, or what is no id"),
    )
)]
pub(super) async fn retry_many(
    State(gallery): State<Gallery>,
    Json(asked): Json<RetryMany>,
) -> Result<Json<RetriedJobs>, Problem> {
    if asked.ids.len() > actions::MOST_RETRIED {
        return Err(Problem::WrongRequest(format!("{} at the most can be retried at once", actions::MOST_RETRIED)));
    }
    let ids = asked.ids.into_iter().map(|id| match id.parse::<JobId>() {
        Ok(job_id) => Ok((id, job_id)),
        Err(_) => Err(Problem::WrongRequest(format!("'{id}' is no job's id"))),
    });
    let ids: Vec<(String, JobId)> = ids.collect::<Result<_, _>>()?;
    let mut jobs = Vec::with_capacity(ids.len());
    for (id, job_id) in ids {
        jobs.push(RetriedJob { id, outcome: actions::retry(&gallery, &job_id).await? });
    }
    Ok(Json(RetriedJobs { jobs }))
}

/// Every provider: whether it is on hold and why, what is left, how much was asked of it today.
#[utoipa::path(
    get,
    path = "/api/providers",
    responses((status = 200, body = Providers, description = "All of them"))
)]
pub(super) async fn providers(State(gallery): State<Gallery>) -> Result<Json<Providers>, Problem> {
    Ok(Json(Providers { providers: all_providers::all(&gallery).await? }))
}

/// End a provider's hold: its account is in order again, and the images that wait may go.
#[utoipa::path(
    post,
    path = "/api/providers/{name}/release",
    params(("name" = ProviderName, Path, description = "The provider")),
    responses(
        (status = 200, body = Released, description = "The hold that was ended"),
        (status = 404, body = Failed, description = "There is no such provider"),
    )
)]
pub(super) async fn release(
    State(gallery): State<Gallery>,
    Path(name): Path<String>,
) -> Result<Json<Released>, Problem> {
    let provider: ProviderName = name.parse().map_err(|_| Problem::NoSuchPage)?;
    Ok(Json(Released { hold: actions::release(&gallery, provider).await? }))
}

/// Every preset: what it does and where its uploads go.
#[utoipa::path(
    get,
    path = "/api/presets",
    responses((status = 200, body = Presets, description = "All of them"))
)]
pub(super) async fn presets(State(gallery): State<Gallery>) -> Json<Presets> {
    let all = &gallery.app().presets;
    let presets = all.routes().map(|(route, _)| Preset {
        route: route.to_string(),
        upload_path: format!("{}{route}/", darkroom_shared::job::UPLOADS_PREFIX),
        steps: all
            .plan(route)
            .unwrap_or_default()
            .into_iter()
            .map(|step| PresetStep {
                route: step.route.to_string(),
                options: told_options(&step.options),
                fit: step.fit,
            })
            .collect(),
    });
    Json(Presets { presets: presets.collect() })
}

/// An address to which a file can be put, for a preset. A job is made of it once the file is there.
#[utoipa::path(
    post,
    path = "/api/uploads",
    request_body = NewUpload,
    responses(
        (status = 200, body = UploadPlace, description = "Where to put it"),
        (status = 400, body = Failed, description = "There is no such preset, or the name is too long"),
    )
)]
pub(super) async fn upload(
    State(gallery): State<Gallery>,
    Json(asked): Json<NewUpload>,
) -> Result<Json<UploadPlace>, Problem> {
    let key = uploads::new_key(gallery.app(), &asked.route, &asked.name)?;
    let url = uploads::address(gallery.app(), &key).await?;
    Ok(Json(UploadPlace { key: key.as_str().to_owned(), url }))
}
