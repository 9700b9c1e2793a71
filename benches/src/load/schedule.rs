//! Requests on a fixed schedule: each one is due at a time that no answer moves, and its latency counts from there. So a
//! server that stalls is charged with everything that was due meanwhile.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

/// Does `request` for each number below `many`, `rate_per_s` of them a second. Returns what each came to and how long
/// after it was due it ended. Tokio's clock rounds up to milliseconds: so much is in every latency.
pub(crate) async fn on_schedule<T, F>(
    rate_per_s: f64,
    many: usize,
    mut request: impl FnMut(usize) -> F,
) -> anyhow::Result<Vec<(T, Duration)>>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (mut tasks, start) = (JoinSet::new(), Instant::now());
    let interval = Duration::from_secs_f64(1.0 / rate_per_s);
    for number in 0..many {
        let due = start + interval.mul_f64(crate::numbers::count(number));
        tokio::time::sleep_until(due.into()).await;
        let request = request(number);
        tasks.spawn(async move { (request.await, due.elapsed()) });
    }
    let mut ended = Vec::with_capacity(many);
    while let Some(one) = tasks.join_next().await {
        ended.push(one?);
    }
    Ok(ended)
}
