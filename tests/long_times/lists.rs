//! After months there are many jobs; who asks for a few of them gets these, and who asks for all gets all.

use darkroom_shared::{
    job::{
        Failure, FailureKind, Job, JobId, OnUnknown, Outcome, Output, PlannedStep, ProviderName, Report, ResultSource,
        Route, State, StateName,
    },
    provider::Submitted,
    store::{PageFilter, PageKey},
};
use jiff::SignedDuration;

use crate::world::{Scripted, World, beginning};

/// More than one page of a list has, and one more than a whole number of what is read at once.
const JOBS: usize = 1_101;

/// A watermark job that was told what is left.
async fn told_what_is_left() -> (World, Job) {
    let world = World::with(Scripted::answering(ProviderName::Watermark, || {
        let report = Report { balance: Some(41), ..Report::default() };
        Ok(Submitted::Finished(Outcome { source: ResultSource::Original, report }))
    }))
    .await;
    let told = world.put(ProviderName::Watermark).await;
    let told = world.job(&told).await;
    (world, told)
}

/// And after it many of vkcloud, of which every tenth failed.
async fn after_months() -> (World, Vec<Job>) {
    let (world, told) = told_what_is_left().await;
    let mut jobs = vec![told.clone()];
    for number in 1..JOBS {
        let mut job = told.clone();
        // Several are made in the same millisecond.
        job.created_at = beginning() + SignedDuration::from_mins(i64::try_from(number / 3).unwrap() + 1);
        job.id = JobId::of_upload("bucket", &job.upload.key, &format!("of {number}"));
        job.route = Route { provider: ProviderName::Vkcloud, ..told.route.clone() };
        job.steps[0].provider = ProviderName::Vkcloud;
        job.steps[0].balance = None;
        if number % 10 == 0 {
            let reason = Failure { kind: FailureKind::Rejected, message: "it says no".into() };
            job.state = State::Failed { reason, outputs: Vec::new() };
        }
        world.app.jobs.create(&job).await.unwrap();
        jobs.push(job);
    }
    jobs.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
    (world, jobs)
}

fn ids<'jobs>(jobs: impl IntoIterator<Item = &'jobs Job>) -> Vec<JobId> {
    jobs.into_iter().map(|job| job.id.clone()).collect()
}

#[tokio::test]
async fn a_list_of_all_has_each_job_once_the_newest_first() {
    let (world, jobs) = after_months().await;
    let listed = world.app.jobs.newest(&PageFilter::default(), usize::MAX).await.unwrap();
    assert_eq!(ids(&listed), ids(&jobs));
    let few = world.app.jobs.newest(&PageFilter::default(), 7).await.unwrap();
    assert_eq!(ids(&few), ids(&jobs[..7]));
    let failed = PageFilter { state: Some(StateName::Failed), ..PageFilter::default() };
    let all_failed: Vec<&Job> = jobs.iter().filter(|job| job.state.name() == StateName::Failed).collect();
    assert_eq!(all_failed.len(), 110);
    assert_eq!(ids(&world.app.jobs.newest(&failed, usize::MAX).await.unwrap()), ids(all_failed));
    let mut all = ids(&world.app.jobs.of_all_uploads().await.unwrap());
    let mut expected = ids(&jobs);
    all.sort();
    expected.sort();
    assert_eq!(all, expected);
    let beginning = &jobs[500].id.as_str()[..6];
    let found = world.app.jobs.beginning_with(beginning).await.unwrap();
    assert_eq!(ids(&found), [jobs[500].id.clone()]);
}

#[tokio::test]
async fn page_after_page_leads_to_the_oldest_and_misses_none() {
    let (world, jobs) = after_months().await;
    let filter = PageFilter { provider: Some(ProviderName::Vkcloud), ..PageFilter::default() };
    let mut seen = Vec::new();
    let mut before: Option<PageKey> = None;
    loop {
        let page = world.app.jobs.page(&filter, before.as_ref(), 40).await.unwrap();
        seen.extend(ids(&page.jobs));
        let Some(older) = page.older else { break };
        before = Some(older);
    }
    assert_eq!(seen, ids(jobs.iter().filter(|job| job.route.provider == ProviderName::Vkcloud)));
}

#[tokio::test]
async fn a_balance_that_was_told_long_ago_is_found_behind_all_the_jobs_that_were_told_none() {
    let (world, _) = after_months().await;
    let balances = world.app.jobs.balances().await.unwrap();
    assert_eq!(balances.keys().collect::<Vec<_>>(), [&ProviderName::Watermark]);
    assert_eq!(balances[&ProviderName::Watermark].left, 41);
}

#[tokio::test]
async fn a_balance_that_a_branch_was_told_is_found_too() {
    let (world, told) = told_what_is_left().await;
    let output = |number: u32| Output {
        key: format!("steps/{number}.png"),
        bytes: 1,
        content_type: "image/png".into(),
        width: 1,
        height: 1,
        sha256: String::new(),
    };
    let mut trunk = told.clone();
    trunk.id = JobId::of_upload("bucket", &told.upload.key, "another");
    trunk.steps[0].balance = None;
    trunk.steps[0].outputs = vec![output(1), output(2)];
    trunk.plan = vec![PlannedStep {
        route: told.route.clone(),
        options: told.steps[0].options.clone(),
        fit: false,
        min_balance: None,
        on_unknown: OnUnknown::default(),
    }];
    let later = beginning() + SignedDuration::from_hours(1);
    let branches = trunk.new_branches(later, later);
    assert_eq!(branches.len(), 2);
    for (mut branch, left) in branches.into_iter().zip([40, 39]) {
        branch.steps[0].balance = Some(left);
        branch.steps[0].finished_at = Some(later + SignedDuration::from_secs(40 - left));
        world.app.jobs.create(&branch).await.unwrap();
    }
    world.app.jobs.create(&trunk).await.unwrap();
    assert_eq!(world.app.jobs.balances().await.unwrap()[&ProviderName::Watermark].left, 39);
}
