//! The starters of the functions, one for each kind: read the configuration and the secrets, make the clients, run the
//! handler. One for each, and not one for all, so that a binary holds only what its own kind does.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    sync::Arc,
    time::Duration,
};

use aws_config::SdkConfig;
use aws_lambda_events::sqs::SqsEvent;
use lambda_http::{RequestExt as _, tower::Service};
use lambda_runtime::{LambdaEvent, service_fn};

use crate::{
    aws,
    clock::Clock,
    config::{self, CALLBACK_SECRET, Places, Presets},
    environment::{ConfigError, Environment},
    flow::{self, App, CallbackSecrets, CallbackUrls, NotesInTable},
    handler,
    job::{ProviderName, Schedule},
    presets::presets,
    provider::{Equipment, Http, MakeProvider, Notes, Providers, definition},
    secrets,
    store::{Jobs, Objects, Queue, SqsQueue},
    telemetry::{
        self,
        metrics::Metrics,
        trace::{TraceHeader, within},
    },
};

/// Why a function did not start or stopped.
pub type Error = lambda_runtime::Error;

/// Submits uploads to one provider, until Lambda stops it.
///
/// # Errors
/// When the configuration is unusable or the runtime fails.
pub fn submit(provider: ProviderName, make: MakeProvider) -> Result<(), Error> {
    run(async |environment| {
        let (environment, sdk) = start_up(environment, &secrets_to_submit(provider)).await?;
        let presets = presets(&environment, &s3(&environment, &sdk)).await?;
        let app = app(&environment, &sdk, |equipment| Ok([make(equipment)?].into_iter().collect()), presets)?;
        for problem in app.providers.iter().flat_map(|provider| app.presets.unusable(provider.as_ref())) {
            // The other presets work; a job of this one fails with the same words.
            tracing::error!(problem, "a preset cannot work with the credentials that are set");
        }
        if app.callback_urls.is_none() && app.providers.iter().any(|provider| app.presets.calls_back(provider.as_ref()))
        {
            return Err(ConfigError::Missing("DARKROOM_PUBLIC_URL".into()).into());
        }
        tell_start(&environment, &app);
        let app = &app;
        let handle = |event: LambdaEvent<SqsEvent>| async move {
            let trace_header = trace_header(&event.context);
            Ok::<_, Error>(within(trace_header, handler::handle_submit(app, event.payload)).await)
        };
        lambda_runtime::run(service_fn(handle)).await
    })
}

/// Fetches results, until Lambda stops it. It has no secrets.
///
/// # Errors
/// When the configuration is unusable or the runtime fails.
pub fn collect() -> Result<(), Error> {
    run(async |environment| {
        let (environment, sdk) = start_up(environment, &[]).await?;
        let app = app(&environment, &sdk, |_| Ok(Providers::default()), Presets::default())?;
        tell_start(&environment, &app);
        let app = &app;
        let handle = |event: LambdaEvent<SqsEvent>| async move {
            let trace_header = trace_header(&event.context);
            Ok::<_, Error>(within(trace_header, handler::handle_collect(app, event.payload)).await)
        };
        lambda_runtime::run(service_fn(handle)).await
    })
}

/// Looks at due jobs and asks `providers`, on a schedule, until Lambda stops it.
///
/// # Errors
/// When the configuration is unusable or the runtime fails.
pub fn poll(providers: &[(ProviderName, MakeProvider)]) -> Result<(), Error> {
    run(async |environment| {
        let credentials: Vec<&str> =
            providers.iter().flat_map(|(name, _)| definition(*name).credentials).copied().collect();
        let (environment, sdk) = start_up(environment, &credentials).await?;
        let app = app(&environment, &sdk, |equipment| used(providers, equipment), Presets::default())?;
        tell_start(&environment, &app);
        let app = &app;
        let handle = |event: LambdaEvent<serde_json::Value>| async move {
            let poll = handler::handle_schedule(app, poll_budget(app, &event.context));
            within(trace_header(&event.context), poll).await.map_err(Error::from)?;
            Ok::<_, Error>(())
        };
        lambda_runtime::run(service_fn(handle)).await
    })
}

/// Takes callbacks, until Lambda stops it. Of secrets it has only the one that callbacks are checked with.
///
/// # Errors
/// When the configuration is unusable or the runtime fails.
pub fn webhook() -> Result<(), Error> {
    run(async |environment| {
        let (environment, sdk) = start_up(environment, &[CALLBACK_SECRET]).await?;
        let app = app(&environment, &sdk, |_| Ok(Providers::default()), Presets::default())?;
        let secrets = CallbackSecrets::new(config::callback_secrets(&environment)?);
        tell_start(&environment, &app);
        let handle = |request: lambda_http::Request| async {
            let trace_header = request.lambda_context_ref().and_then(trace_header);
            let response = within(trace_header, handler::handle_callback(&app, &secrets, request)).await;
            Ok::<_, Error>(response.map(|body| lambda_http::Body::from(body.to_vec())))
        };
        lambda_http::run(lambda_http::service_fn(handle)).await
    })
}

/// Serves what `make` makes of the configuration, behind HTTPS, until Lambda stops it. Of secrets it has only `secrets`.
///
/// # Errors
/// When the configuration is unusable or the runtime fails.
pub fn serve<M, S, R>(secrets: &[&str], make: M) -> Result<(), Error>
where
    M: FnOnce(&Environment, App) -> Result<S, Error>,
    S: Service<lambda_http::Request, Response = R, Error = Infallible> + Clone + Send,
    S::Future: Send,
    R: lambda_http::IntoResponse + Send,
{
    run(async |environment| {
        let (environment, sdk) = start_up(environment, secrets).await?;
        let presets = presets(&environment, &s3(&environment, &sdk)).await?;
        let app = app(&environment, &sdk, |_| Ok(Providers::default()), presets)?;
        tell_start(&environment, &app);
        let service = make(&environment, app)?;
        let handle = |request: lambda_http::Request| {
            let trace_header = request.lambda_context_ref().and_then(trace_header);
            let mut service = service.clone();
            within(trace_header, async move {
                poll_fn(|context| service.poll_ready(context)).await?;
                service.call(request).await
            })
        };
        lambda_http::run(lambda_http::service_fn(handle)).await
    })
}

/// The variables with secrets that the function reads which submits to `provider`.
fn secrets_to_submit(provider: ProviderName) -> Vec<&'static str> {
    let definition = definition(provider);
    let calls_back = definition.read_callback.map(|_| CALLBACK_SECRET);
    definition.credentials.iter().copied().chain(calls_back).collect()
}

fn run<W, F>(work: W) -> Result<(), Error>
where
    W: FnOnce(Environment) -> F,
    F: Future<Output = Result<(), Error>>,
{
    let environment = Environment::of_process();
    telemetry::start(telemetry::Format::Json, &environment.get("RUST_LOG").unwrap_or_else(|| "info".into()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work(environment))
}

/// The environment with its secrets, and how AWS is reached.
async fn start_up(environment: Environment, secrets: &[&str]) -> Result<(Environment, SdkConfig), Error> {
    let sdk = aws::of_function(&environment)?;
    Ok((secrets::with_secrets(environment, secrets, &sdk).await?, sdk))
}

fn s3(environment: &Environment, sdk: &SdkConfig) -> aws_sdk_s3::Client {
    aws::s3(sdk, aws::endpoint(environment, "S3").as_deref())
}

/// One line for each start of a process, which is what a slow first invocation is about.
fn tell_start(environment: &Environment, app: &App) {
    let providers: Vec<&str> = app.providers.iter().map(|provider| provider.name().as_str()).collect();
    tracing::info!(
        function = environment.get("AWS_LAMBDA_FUNCTION_NAME"),
        function_version = environment.get("AWS_LAMBDA_FUNCTION_VERSION"),
        version = env!("CARGO_PKG_VERSION"),
        providers = providers.join(" "),
        "function started"
    );
}

/// The trace that Lambda has put the invocation into.
fn trace_header(context: &lambda_runtime::Context) -> Option<TraceHeader> {
    TraceHeader::parse(context.xray_trace_id.as_deref()?)
}

/// The poller stops so long before its time-out.
const POLL_RESERVE: Duration = Duration::from_secs(10);
/// The poller runs every minute; the next run goes on.
const LONGEST_POLL: Duration = Duration::from_secs(55);

fn poll_budget(app: &App, context: &lambda_runtime::Context) -> Duration {
    let now_ms = u64::try_from(app.clock.now().as_millisecond()).unwrap_or_default();
    Duration::from_millis(context.deadline.saturating_sub(now_ms)).saturating_sub(POLL_RESERVE).min(LONGEST_POLL)
}

fn app(
    environment: &Environment,
    sdk: &SdkConfig,
    make: impl FnOnce(&Equipment<'_>) -> Result<Providers, ConfigError>,
    presets: Presets,
) -> Result<App, Error> {
    let places = Places::from_environment(environment)?;
    let http = Http::new()?;
    let jobs = Jobs::new(aws::dynamodb(sdk, aws::endpoint(environment, "DYNAMODB").as_deref()), places.table);
    let notes = |provider| Arc::new(NotesInTable::new(jobs.clone(), provider)) as Arc<dyn Notes>;
    let providers = make(&Equipment { environment, http: &http, notes: &notes })?;
    let sqs = aws::sqs(sdk, aws::endpoint(environment, "SQS").as_deref());
    let queue: Arc<dyn Queue> = Arc::new(SqsQueue::new(sqs, environment.required("DARKROOM_QUEUE_URL_PREFIX")?));
    Ok(App {
        jobs,
        objects: Objects::new(s3(environment, sdk), places.bucket),
        queue,
        providers,
        presets: Arc::new(presets),
        result_hosts: Arc::new(config::result_hosts(environment)?),
        paces: Arc::new(config::paces(environment)?),
        spacing: flow::Spacing::default(),
        callback_urls: callback_urls(environment)?,
        http,
        thumbnails: config::thumbnails(environment)?,
        metrics: Metrics::embedded(),
        schedule: Schedule::default(),
        clock: Clock::system(),
    })
}

/// Makes those of `providers` of which any credentials are there: the poller is one for all of them. One with only some
/// of its credentials is a mistake.
fn used(providers: &[(ProviderName, MakeProvider)], equipment: &Equipment<'_>) -> Result<Providers, ConfigError> {
    let (used, unused): (Vec<_>, Vec<_>) =
        providers.iter().partition(|(name, _)| definition(*name).has_credentials(equipment.environment));
    for (provider, _) in unused {
        tracing::info!(%provider, "no credentials are set: it is not polled");
    }
    used.into_iter().map(|(_, make)| make(equipment)).collect()
}

/// How callbacks are addressed, where `DARKROOM_PUBLIC_URL` says so.
fn callback_urls(environment: &Environment) -> Result<Option<CallbackUrls>, ConfigError> {
    if environment.get("DARKROOM_PUBLIC_URL").is_none() {
        return Ok(None);
    }
    let public_url = environment.url("DARKROOM_PUBLIC_URL", None)?;
    Ok(Some(CallbackUrls::new(public_url, CallbackSecrets::new(config::callback_secrets(environment)?))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{NotesInMemory, fangtang, imgfactory};

    fn polled(variables: &[(&str, &str)]) -> Result<Vec<ProviderName>, ConfigError> {
        let environment: Environment = variables.iter().copied().collect();
        let http = Http::new().unwrap();
        let notes = |_| Arc::new(NotesInMemory::default()) as Arc<dyn Notes>;
        let equipment = Equipment { environment: &environment, http: &http, notes: &notes };
        let providers: [(ProviderName, MakeProvider); 2] =
            [(ProviderName::Imgfactory, imgfactory::make), (ProviderName::Fangtang, fangtang::make)];
        Ok(used(&providers, &equipment)?.iter().map(|provider| provider.name()).collect())
    }

    #[test]
    fn the_poller_does_without_providers_that_nobody_uses() {
        let imgfactory = ("IMGFACTORY_TOKEN", "token");
        assert_eq!(polled(&[imgfactory]).unwrap(), [ProviderName::Imgfactory]);
        assert_eq!(polled(&[]).unwrap(), []);
        let fangtang = [("FANGTANG_THIRD_CODE", "code"), ("FANGTANG_SECRET_KEY", "key")];
        assert_eq!(polled(&fangtang).unwrap(), [ProviderName::Fangtang]);
    }

    #[test]
    fn a_provider_that_is_set_up_by_half_is_a_mistake() {
        let half = [("IMGFACTORY_TOKEN", "token"), ("FANGTANG_THIRD_CODE", "code")];
        assert_eq!(polled(&half).unwrap_err(), ConfigError::Missing("FANGTANG_SECRET_KEY".into()));
        let wrong = [("IMGFACTORY_TOKEN", "token"), ("IMGFACTORY_URL", "no address")];
        assert!(matches!(polled(&wrong), Err(ConfigError::Invalid { .. })));
    }

    #[test]
    fn a_submit_function_reads_its_own_secrets_and_no_others() {
        let watermark = ["WATERMARK_APP_ID", "WATERMARK_APP_SECRET", "WATERMARK_TOKEN", "DARKROOM_CALLBACK_SECRET"];
        assert_eq!(secrets_to_submit(ProviderName::Watermark), watermark);
        assert_eq!(secrets_to_submit(ProviderName::Imgfactory), ["IMGFACTORY_TOKEN"]);
    }
}
