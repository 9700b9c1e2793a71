//! Hours and days in moments: the flows over a real table, with a clock that the story moves and a provider that does as
//! the story says. What is asked of the outside is what a function asks; only time is not waited for.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a story that cannot go on has failed")]

mod deadlines;
mod limits;
mod lists;
mod observed;
mod order;
mod results;
mod world;
