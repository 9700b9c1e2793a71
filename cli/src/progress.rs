//! How far images are, for whoever watches: a line for each that is on its way, and a bar for all of them. Nobody watches
//! where standard error is no terminal; then it shows nothing. It asks nobody how far they are: that is told to it.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
    time::{Duration, Instant},
};

use console::{Style, Term, measure_text_width};
use darkroom_shared::job::{Job, State};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::{human, terminal};

/// How often what turns goes on.
const TURN_EVERY: Duration = Duration::from_millis(120);
/// How often it is drawn in a second, whatever happens.
const DRAWN_PER_SECOND: u8 = 8;
/// More lines than these at a time would only be looked past.
const MOST_LINES: usize = 24;
/// How wide times are.
const TIME_WIDTH: usize = 8;

/// The lines and the bar. Dropped, they are gone.
pub(crate) struct Progress {
    bars: MultiProgress,
    overall: ProgressBar,
    line_style: ProgressStyle,
    /// What the images are called, by key.
    labels: BTreeMap<String, String>,
    label_width: usize,
    /// The keys of those for which there is no line yet.
    hidden: VecDeque<String>,
    /// Those that have one, by key.
    shown: BTreeMap<String, ProgressBar>,
    begun: Instant,
    many: u64,
    failed: u64,
}

impl Progress {
    /// All images that are on their way: each one's key, and what it is called in front of people.
    pub(crate) fn start(images: impl IntoIterator<Item = (String, String)>) -> anyhow::Result<Self> {
        let terminal = Term::stderr();
        let room = usize::from(terminal.size().0).saturating_sub(4).clamp(1, MOST_LINES);
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::term(terminal, DRAWN_PER_SECOND));
        let images: Vec<(String, String)> = images.into_iter().collect();
        let hidden: VecDeque<String> = images.iter().map(|(key, _)| key.clone()).collect();
        let label_width = images.iter().map(|(_, label)| measure_text_width(label)).max().unwrap_or_default();
        let took = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = write!(out, "{:>TIME_WIDTH$}", human::elapsed(state.elapsed()));
        };
        let line_style = ProgressStyle::with_template("{spinner:.yellow} {prefix}  {took}  {wide_msg}")?
            .tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ")
            .with_key("took", took);
        let overall_style =
            ProgressStyle::with_template("{bar:24.green} {msg}  {took}")?.progress_chars("━╸─").with_key("took", took);
        let many = u64::try_from(hidden.len())?;
        let overall = bars.add(ProgressBar::new(many).with_style(overall_style));
        let mut progress = Self {
            bars,
            overall,
            line_style,
            labels: images.into_iter().collect(),
            label_width,
            hidden,
            shown: BTreeMap::new(),
            begun: Instant::now(),
            many,
            failed: 0,
        };
        if progress.is_watched() {
            progress.overall.enable_steady_tick(TURN_EVERY);
            while progress.shown.len() < room && progress.show_one_more() {}
        }
        progress.say_how_many();
        Ok(progress)
    }

    /// Whether somebody sees it.
    pub(crate) fn is_watched(&self) -> bool {
        !self.bars.is_hidden()
    }

    /// Where an image is.
    pub(crate) fn stage(&self, key: &str, stage: impl Into<String>) {
        if let Some(bar) = self.shown.get(key) {
            bar.set_message(stage.into());
        }
    }

    /// An image's end: its line stays, above those that are still on their way.
    pub(crate) fn ended(&mut self, key: &str, is_done: bool, told: &str) {
        self.failed += u64::from(!is_done);
        if let Some(bar) = self.shown.remove(key) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        } else {
            self.hidden.retain(|hidden| hidden != key);
        }
        let paint = Style::new().for_stderr();
        let mark = if is_done { paint.green().apply_to("✓") } else { paint.red().apply_to("✗") };
        let took = human::elapsed(self.begun.elapsed());
        let told = told.replace(char::is_control, " ");
        self.say(format!("{mark} {}  {took:>TIME_WIDTH$}  {told}", self.label(key)));
        self.overall.inc(1);
        self.show_one_more();
        self.say_how_many();
    }

    /// A line for a person, above those that are drawn.
    pub(crate) fn note(&self, text: impl std::fmt::Display) {
        if self.is_watched() {
            self.say(text);
        } else {
            terminal::note(text);
        }
    }

    /// Takes the lines away and leaves the sum.
    pub(crate) fn finish(&self) {
        let done = self.overall.position().saturating_sub(self.failed);
        let mut sum = format!("{done} of {} done", self.many);
        if self.failed > 0 {
            let failed = Style::new().for_stderr().red().apply_to(format!("{} failed", self.failed));
            let _ = write!(sum, ", {failed}");
        }
        self.say(format!("{sum}, in {}", human::elapsed(self.begun.elapsed())));
        self.clear();
    }

    /// Leaves the lines as they are: where Ctrl-C was typed, a terminal has written `^C` among them, and nobody knows where
    /// they begin.
    pub(crate) fn leave(self) {
        if self.is_watched() {
            self.bars.set_draw_target(ProgressDrawTarget::hidden());
            terminal::note("");
        }
    }

    fn clear(&self) {
        for bar in self.shown.values() {
            bar.finish_and_clear();
        }
        self.overall.finish_and_clear();
        let _ = self.bars.clear();
    }

    fn say(&self, text: impl std::fmt::Display) {
        // Where nobody watches, this says nothing.
        let _ = self.bars.println(text.to_string());
    }

    fn say_how_many(&self) {
        let mut message = format!("{} of {}", self.overall.position(), self.many);
        if self.failed > 0 {
            let _ = write!(message, ", {} failed", self.failed);
        }
        if self.is_watched() && !self.hidden.is_empty() {
            let _ = write!(message, ", {} not shown", self.hidden.len());
        }
        self.overall.set_message(message);
    }

    /// Gives the next image a line. False: all have one.
    fn show_one_more(&mut self) -> bool {
        if !self.is_watched() {
            return false;
        }
        let Some(key) = self.hidden.pop_front() else { return false };
        let bar = ProgressBar::new_spinner().with_style(self.line_style.clone()).with_elapsed(self.begun.elapsed());
        let bar = bar.with_prefix(self.label(&key)).with_message("on its way");
        let bar = self.bars.insert_before(&self.overall, bar);
        bar.enable_steady_tick(TURN_EVERY);
        self.shown.insert(key, bar);
        true
    }

    /// What an image is called, as wide as the widest.
    fn label(&self, key: &str) -> String {
        let label = self.labels.get(key).map_or(key, String::as_str);
        format!("{label}{}", " ".repeat(self.label_width.saturating_sub(measure_text_width(label))))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Where a job is, in a few words.
pub(crate) fn stage(job: &Job) -> String {
    let provider = job.provider();
    let is_held = job.step().is_some_and(|step| step.held);
    let stage = match &job.state {
        State::Queued { .. } if is_held => format!("queued: {provider} is on hold"),
        State::Queued { .. } => format!("queued for {provider}"),
        State::Submitting { .. } => format!("submitting to {provider}"),
        State::Waiting { .. } => format!("waiting for {provider}"),
        State::Branching { .. } => "waiting for its parts".to_owned(),
        State::Ready { .. } => format!("ready: comes from {provider}"),
        State::Done { .. } | State::Failed { .. } => job.state.name().to_string(),
    };
    match (job.steps.len(), job.plan.len()) {
        (step, to_come) if step + to_come > 1 => format!("{stage} (step {step} of {})", step + to_come),
        _ => stage,
    }
}
