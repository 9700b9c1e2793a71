//! The one starter of all functions: reads the configuration, makes the clients, runs the handler.

use std::{sync::Arc, time::Duration};

use aws_lambda_events::sqs::SqsEvent;
use lambda_http::RequestExt as _;
use lambda_runtime::{LambdaEvent, service_fn};

use crate::{
    aws,
    clock::Clock,
    config::{self, Places, Presets},
    environment::{ConfigError, Environment},
    flow::{self, App, CallbackSecrets, CallbackUrls, NotesInTable},
    handler,
    job::{ProviderName, Schedule},
    provider::{Equipment, Http, MakeProvider, Notes, Providers, definition},
    store::{Jobs, Objects, Queue, SqsQueue},
    telemetry::{
        self,
        metrics::Metrics,
        trace::{TraceHeader, within},
    },
};

/// Why a function did not start or stopped.
pub type Error = lambda_runtime::Error;

/// The function that a binary is.
#[derive(Debug, Clone, Copy)]
pub enum Function {
    /// Submits uploads to a provider.
    Submit,
    /// Fetches results.
    Collect,
    /// Looks at due jobs, on a schedule.
    Poll,
    /// Takes callbacks.
    Webhook,
}

/// Runs `function` until Lambda stops it. `providers` are those that it asks.
///
/// # Errors
/// When the configuration is unusable or the runtime fails.
pub fn start(function: Function, providers: &[MakeProvider]) -> Result<(), Error> {
    let environment = Environment::of_process();
    telemetry::start(telemetry::Format::Json, &environment.get("RUST_LOG").unwrap_or_else(|| "info".into()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let app = app(&environment, function, providers).await?;
        tell_start(&environment, &app);
        match function {
            Function::Submit => {
                let app = &app;
                let handle = |event: LambdaEvent<SqsEvent>| async move {
                    let trace_header = trace_header(&event.context);
                    Ok::<_, Error>(within(trace_header, handler::handle_submit(app, event.payload)).await)
                };
                lambda_runtime::run(service_fn(handle)).await
            }
            Function::Collect => {
                let app = &app;
                let handle = |event: LambdaEvent<SqsEvent>| async move {
                    let trace_header = trace_header(&event.context);
                    Ok::<_, Error>(within(trace_header, handler::handle_collect(app, event.payload)).await)
                };
                lambda_runtime::run(service_fn(handle)).await
            }
            Function::Poll => {
                let app = &app;
                let handle = |event: LambdaEvent<serde_json::Value>| async move {
                    let budget = poll_budget(app, &event.context);
                    let poll = handler::handle_schedule(app, budget);
                    within(trace_header(&event.context), poll).await.map_err(Error::from)?;
                    Ok::<_, Error>(())
                };
                lambda_runtime::run(service_fn(handle)).await
            }
            Function::Webhook => {
                let secrets = CallbackSecrets::new(config::callback_secrets(&environment)?);
                let handle = |request: lambda_http::Request| async {
                    let trace_header = request.lambda_context_ref().and_then(trace_header);
                    let response = within(trace_header, handler::handle_callback(&app, &secrets, request)).await;
                    Ok::<_, Error>(response.map(|body| lambda_http::Body::from(body.to_vec())))
                };
                lambda_http::run(lambda_http::service_fn(handle)).await
            }
        }
    })
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

async fn app(environment: &Environment, function: Function, providers: &[MakeProvider]) -> Result<App, Error> {
    let places = Places::from_environment(environment)?;
    let sdk = aws::load().await;
    let http = Http::new()?;
    let s3 = aws::s3(
        &sdk,
        environment.get("AWS_ENDPOINT_URL_S3").or_else(|| environment.get("AWS_ENDPOINT_URL")).as_deref(),
    );
    let jobs = Jobs::new(aws::dynamodb(&sdk, None), places.table);
    let notes = |provider| Arc::new(NotesInTable::new(jobs.clone(), provider)) as Arc<dyn Notes>;
    let equipment = Equipment { environment, http: &http, notes: &notes };
    let providers = equip(function, providers, &equipment)?;
    let queue: Arc<dyn Queue> =
        Arc::new(SqsQueue::new(aws::sqs(&sdk), environment.required("DARKROOM_QUEUE_URL_PREFIX")?));
    let presets = match function {
        Function::Submit => presets(environment, &s3).await?,
        Function::Collect | Function::Poll | Function::Webhook => Presets::default(),
    };
    for problem in providers.iter().flat_map(|provider| presets.unusable(provider.as_ref())) {
        // The other presets work; a job of this one fails with the same words.
        tracing::error!(problem, "a preset cannot work with the credentials that are set");
    }
    let callback_urls = callback_urls(environment)?;
    if callback_urls.is_none() && providers.iter().any(|provider| presets.calls_back(provider.as_ref())) {
        return Err(ConfigError::Missing("DARKROOM_PUBLIC_URL".into()).into());
    }
    Ok(App {
        jobs,
        objects: Objects::new(s3, places.bucket),
        queue,
        providers,
        presets: Arc::new(presets),
        result_hosts: Arc::new(config::result_hosts(environment)?),
        paces: Arc::new(config::paces(environment)?),
        spacing: flow::Spacing::default(),
        callback_urls,
        http,
        metrics: Metrics::embedded(),
        schedule: Schedule::default(),
        clock: Clock::system(),
    })
}

/// Makes the providers. The poller is one for all of them, so it does without those of which no credentials are there;
/// one with only some of its credentials is a mistake all the same.
fn equip(function: Function, providers: &[MakeProvider], equipment: &Equipment<'_>) -> Result<Providers, ConfigError> {
    let mut made = Vec::with_capacity(providers.len());
    for make in providers {
        match make(equipment) {
            Ok(provider) => made.push(provider),
            Err(ConfigError::Missing(variable))
                if matches!(function, Function::Poll) && is_of_an_unused_provider(&variable, equipment.environment) =>
            {
                tracing::info!(variable, "not set, and nothing else of that provider either: it is not polled");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(made.into_iter().collect())
}

/// Whether `variable` is a credential of a provider none of whose credentials are there.
fn is_of_an_unused_provider(variable: &str, environment: &Environment) -> bool {
    let mut definitions = ProviderName::ALL.into_iter().map(definition);
    definitions.any(|definition| definition.credentials.contains(&variable) && !definition.has_credentials(environment))
}

/// How callbacks are addressed, where `DARKROOM_PUBLIC_URL` says so.
fn callback_urls(environment: &Environment) -> Result<Option<CallbackUrls>, ConfigError> {
    if environment.get("DARKROOM_PUBLIC_URL").is_none() {
        return Ok(None);
    }
    let public_url = environment.url("DARKROOM_PUBLIC_URL", None)?;
    Ok(Some(CallbackUrls::new(public_url, CallbackSecrets::new(config::callback_secrets(environment)?))))
}

/// The presets from `DARKROOM_CONFIG`: a path, or `s3://bucket/key`.
///
/// # Errors
/// When it cannot be read or is wrong.
pub async fn presets(environment: &Environment, s3: &aws_sdk_s3::Client) -> Result<Presets, Error> {
    let Some(place) = environment.get("DARKROOM_CONFIG") else { return Ok(Presets::built_in()) };
    let text = match place.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) {
        Some((bucket, key)) => {
            let bytes = Objects::new(s3.clone(), bucket).get(key).await?;
            String::from_utf8(bytes.to_vec())?
        }
        None => std::fs::read_to_string(&place).map_err(|e| format!("{place} cannot be read: {e}"))?,
    };
    Ok(Presets::parse(&place, &text)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{NotesInMemory, fangtang, imgfactory};

    fn names(function: Function, variables: &[(&str, &str)]) -> Result<Vec<ProviderName>, ConfigError> {
        let environment: Environment = variables.iter().copied().collect();
        let http = Http::new().unwrap();
        let notes = |_| Arc::new(NotesInMemory::default()) as Arc<dyn Notes>;
        let equipment = Equipment { environment: &environment, http: &http, notes: &notes };
        let providers = equip(function, &[imgfactory::make, fangtang::make], &equipment)?;
        Ok(providers.iter().map(|provider| provider.name()).collect())
    }

    #[test]
    fn the_poller_does_without_providers_that_nobody_uses() {
        let imgfactory = ("IMGFACTORY_TOKEN", "token");
        assert_eq!(names(Function::Poll, &[imgfactory]).unwrap(), [ProviderName::Imgfactory]);
        assert_eq!(names(Function::Poll, &[]).unwrap(), []);
        let fangtang = [("FANGTANG_THIRD_CODE", "code"), ("FANGTANG_SECRET_KEY", "key")];
        assert_eq!(names(Function::Poll, &fangtang).unwrap(), [ProviderName::Fangtang]);
    }

    #[test]
    fn a_provider_that_is_set_up_by_half_is_a_mistake_in_every_function() {
        let half = [("IMGFACTORY_TOKEN", "token"), ("FANGTANG_THIRD_CODE", "code")];
        let missing = ConfigError::Missing("FANGTANG_SECRET_KEY".into());
        assert_eq!(names(Function::Poll, &half).unwrap_err(), missing);
        let missing = ConfigError::Missing("FANGTANG_THIRD_CODE".into());
        assert_eq!(names(Function::Submit, &half[..1]).unwrap_err(), missing);
        let wrong = [("IMGFACTORY_TOKEN", "token"), ("IMGFACTORY_URL", "no address")];
        assert!(matches!(names(Function::Poll, &wrong), Err(ConfigError::Invalid { .. })));
    }
}
