//! The providers: what each does, whether it works, what is left, and the end of a hold.

use axum::{
    extract::{Path, State},
    response::Redirect,
};
use darkroom_shared::job::ProviderName;
use maud::{Markup, html};

use super::{
    frame::{Place, RELEASED, View},
    parts::generally_does,
};
use crate::{
    Gallery, actions,
    fields::OwnFields,
    human,
    problem::Problem,
    providers::{self, ProviderStatus},
};

/// Shows them.
pub(crate) async fn page(State(gallery): State<Gallery>, view: View) -> Result<Markup, Problem> {
    let providers = providers::all(&gallery).await?;
    let goes_on = providers.iter().any(|provider| provider.unfinished_jobs > 0);
    let content = html! {
        h1 { (view.texts.providers) }
        div.providers { @for provider in &providers { (card(&view, provider)) } }
    };
    Ok(view.page(Place::Providers, view.texts.providers, goes_on, &content))
}

/// Ends a hold.
pub(crate) async fn release(
    State(gallery): State<Gallery>,
    Path(name): Path<String>,
    _: OwnFields,
) -> Result<Redirect, Problem> {
    let provider: ProviderName = name.parse().map_err(|_| Problem::NoSuchPage)?;
    actions::release(&gallery, provider).await?;
    Ok(Redirect::to(&format!("/providers?said={RELEASED}")))
}

fn card(view: &View, provider: &ProviderStatus) -> Markup {
    let texts = view.texts;
    let heading = format!("provider-{}", provider.name);
    html! {
        section.provider aria-labelledby=(heading) data-part=(heading) {
            h2 id=(heading) { (provider.name) }
            p { (generally_does(texts, provider.name)) }
            @match &provider.hold {
                Some(hold) => div.failure {
                    p { span.badge.failed { span aria-hidden="true" { "‖" } " " (texts.on_hold) } " "
                        (texts.since) " " (human::time(texts, hold.since, view.now)) }
                    p { (hold.message) }
                    p.hint { (texts.next_try) " " (human::time(texts, hold.probe_at, view.now)) }
                    form method="post" action={ "/providers/" (provider.name) "/release" } {
                        (view.proof())
                        button.main type="submit" { (texts.release) span.unseen { " " (provider.name) } }
                        p.hint { (texts.release_hint) }
                    }
                },
                None => p { span.badge.done { span aria-hidden="true" { "✓" } " " (texts.works) } },
            }
            @if provider.is_sandbox { p.hint { (texts.sandbox) } }
            (numbers(view, provider))
            p { a href={ "/jobs?provider=" (provider.name) } { (texts.jobs) span.unseen { " " (provider.name) } } }
        }
    }
}

fn numbers(view: &View, provider: &ProviderStatus) -> Markup {
    let texts = view.texts;
    html! {
        dl {
            dt { (texts.balance) }
            dd {
                @match provider.balance {
                    Some(balance) => {
                        (balance.left) " (" (human::time(texts, balance.at, view.now)) ")"
                        @if balance.is_low { " " strong { (texts.balance_low) } }
                    }
                    None => { span.hint { (texts.balance_unknown) } }
                }
            }
            dt { (texts.requests_today) }
            dd {
                (provider.requests_today)
                @if let Some(most) = provider.most_requests_per_day { " " (texts.of_limit) " " (most) }
            }
            dt { (texts.pace) } dd { (provider.requests_per_s) " " (texts.per_second) }
            @if let Some(at) = provider.next_turn_at { dt { (texts.next_turn) } dd { (human::time(texts, at, view.now)) } }
            dt { (texts.unfinished) }
            dd { (provider.unfinished_jobs) @if provider.has_more_unfinished { " " (texts.or_more) } }
        }
    }
}
